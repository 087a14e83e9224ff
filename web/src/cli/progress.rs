//! How far a long command is, on standard error where that is a terminal; nothing elsewhere.

use flyball::history::offline::{Told, Unit};
use indicatif::{ProgressBar, ProgressStyle};

const BYTES: &str = "{msg:12} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta} left";
const BYTES_ALONE: &str = "{msg:12} {bytes} {bytes_per_sec} {elapsed}";
const SAMPLES: &str = "{msg:12} {wide_bar} {human_pos}/{human_len} samples {per_sec} {eta} left";
const SAMPLES_ALONE: &str = "{msg:12} {human_pos} samples {per_sec} {elapsed}";
const TAGS: &str = "{msg:12} {wide_bar} {human_pos}/{human_len} tags {eta} left";
const FRAMES_ALONE: &str = "{msg:12} {human_pos} frames {per_sec} {elapsed}";

/// See the module.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { bar: ProgressBar::hidden() }
    }

    /// Takes what a long work tells.
    pub(super) fn told(&mut self, told: Told<'_>) {
        match told {
            Told::Step { what, total, unit } => self.begin(what, total, unit),
            Told::At(done) => self.bar.set_position(done),
        }
    }

    fn begin(&mut self, what: &str, total: u64, unit: Unit) {
        self.bar.finish_and_clear();
        let template = match (unit, total) {
            (Unit::Bytes, 0) => BYTES_ALONE,
            (Unit::Bytes, _) => BYTES,
            (Unit::Samples, 0) => SAMPLES_ALONE,
            (Unit::Samples, _) => SAMPLES,
            (Unit::Tags, _) => TAGS,
            (Unit::Frames, _) => FRAMES_ALONE,
        };
        // A hidden bar where standard error is no terminal.
        self.bar = if total == 0 { ProgressBar::new_spinner() } else { ProgressBar::new(total) };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
        self.bar.set_message(what.to_owned());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
