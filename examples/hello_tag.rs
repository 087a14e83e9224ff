//! One tag: written, read, held against its definition, and found again in history.
//!
//! `cargo run -p flyball-examples --example hello_tag`

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use flyball::Plant;
use flyball::history::ReadRaw;
use flyball::plant::WriteError;
use flyball::schema::definition::{PlantDefinition, TagDefinition};
use flyball::schema::{Timestamp, Value};
use flyball::send::{DEADLINE, ask};
use flyball::settings::Settings;
use std::error::Error;
use std::time::Duration;

#[actix_rt::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let level = TagDefinition::float("tank.level").with_unit("cm").with_range(0.0, 20.0).writable();
    let definition = PlantDefinition { tags: vec![level], ..PlantDefinition::default() };
    let plant = Plant::builder(Settings::in_folder(folder.path())).definition(definition).start().await?;

    let tag = plant.resolve("tank.level").await?;
    println!("before the first value: {}", plant.read(tag).await?.state.quality);

    for value in [12.0, 12.5, 13.0] {
        plant.write(tag, value).await?;
    }
    let now = plant.read(tag).await?;
    assert_eq!(now.state.value, Some(Value::Float(13.0)));
    println!("now: 13 cm, {}", now.state.quality);

    let Err(refused @ WriteError::OutOfRange { .. }) = plant.write(tag, 99.0).await else {
        return Err("a value out of range was taken".into());
    };
    println!("refused: {refused}");

    // A change is in history within 100 ms.
    let question = ReadRaw { tags: vec![tag], from: Timestamp::MIN, to: Timestamp::MAX, limit: 100, after: None };
    let history = loop {
        let mut page = ask(&plant.data_logger(), question.clone(), DEADLINE).await??;
        let series = page.series.remove(0);
        if series.samples.iter().filter(|sample| sample.quality.is_good()).count() == 3 {
            break series;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    for sample in &history.samples {
        println!("history: {} {:?} {}", sample.time, sample.value, sample.quality);
    }

    let report = plant.shutdown().await;
    assert!(report.is_clean());
    println!("plant stopped: {report}");
    Ok(())
}
