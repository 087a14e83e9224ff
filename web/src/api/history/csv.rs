//! History as CSV, page by page: no more is in memory than the page that the client takes.

use super::question;
use crate::cells::{protected, quality_cell, time_cell, value_cells};
use crate::problem::Problem;
use actix_web::http::{Method, header};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use flyball::Plant;
use flyball::history::{HistoryError, MAX_CELLS, RawPage, ReadRaw, ReadTable, Table};
use flyball::schema::Timestamp;
use futures_util::{StreamExt as _, stream};
use std::time::Duration;

/// Samples of a page, and cells of a page of a table: about 1 MB of text.
const PAGE: usize = 10_000;
/// How often a page is asked for again where the plant is busy, and how long after.
const TRIES: usize = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// Whether the client asks for CSV: `Accept` names it.
pub(super) fn is_wanted(request: &HttpRequest) -> bool {
    let accepted = request.headers().get_all(header::ACCEPT).filter_map(|accept| accept.to_str().ok());
    let kinds = accepted.flat_map(|accept| accept.split(','));
    kinds
        .map(|kind| kind.split(';').next().unwrap_or_default().trim())
        .any(|kind| kind.eq_ignore_ascii_case("text/csv"))
}

/// Pages of a file.
pub(super) trait Pages: 'static {
    /// The next part of the file; `None` at its end.
    async fn next(&mut self) -> Result<Option<Bytes>, Problem>;
}

/// Answers a file. The first page decides whether it is one or a problem; where a later one fails the connection is cut, so
/// that no client takes part of a file for the whole. With the client gone no more pages are read.
pub(super) async fn answer(request: &HttpRequest, name: &str, mut pages: impl Pages) -> Result<HttpResponse, Problem> {
    let first = pages.next().await?.unwrap_or_default();
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present"))
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.csv\"")));
    if request.method() == Method::HEAD {
        return Ok(response.finish());
    }
    let rest = stream::try_unfold(pages, |mut pages| async move {
        let page = pages.next().await.map_err(|problem| {
            log::warn!("a file of history ends early: {}", problem.detail);
            std::io::Error::other(problem.detail.clone())
        })?;
        Ok::<_, std::io::Error>(page.map(|page| (page, pages)))
    });
    Ok(response.streaming(stream::once(async { Ok(first) }).chain(rest)))
}

/// Rows of text.
pub(super) struct Sheet(csv::Writer<Vec<u8>>);

impl Sheet {
    pub(super) fn new() -> Self {
        Self(csv::Writer::from_writer(Vec::new()))
    }

    pub(super) fn row<T: AsRef<[u8]>>(&mut self, cells: impl IntoIterator<Item = T>) -> Result<(), Problem> {
        self.0.write_record(cells).map_err(|error| Problem::internal(&error))
    }

    pub(super) fn finish(self) -> Result<Bytes, Problem> {
        let text = self.0.into_inner().map_err(|error| Problem::internal(error.error()))?;
        Ok(text.into())
    }
}

/// A file that is at hand whole.
pub(super) struct Whole(pub(super) Option<Bytes>);

impl Pages for Whole {
    async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        Ok(self.0.take())
    }
}

/// Samples as they were stored: `tag,time,value,type,quality`, as `flyball import` takes them.
pub(super) struct RawPages {
    plant: Plant,
    /// What to ask next.
    question: Option<ReadRaw>,
    /// Samples that are still wanted.
    left: usize,
    names: Vec<String>,
    begun: bool,
}

impl RawPages {
    /// Up to `limit` samples, all of them where it is `None`; `names` of the tags in the order asked.
    pub(super) fn new(plant: Plant, question: ReadRaw, limit: Option<usize>, names: Vec<String>) -> Self {
        let left = limit.unwrap_or(usize::MAX);
        let question = ReadRaw { limit: PAGE.min(left), ..question };
        Self { plant, question: Some(question), left, names, begun: false }
    }
}

impl Pages for RawPages {
    async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        let Some(asked) = self.question.take() else { return Ok(None) };
        let page = patiently(self.begun, || question(&self.plant, asked.clone())).await?;
        let mut sheet = Sheet::new();
        if !std::mem::replace(&mut self.begun, true) {
            sheet.row(["tag", "time", "value", "type", "quality"])?;
        }
        samples(&mut sheet, &page, &self.names)?;
        // Those before the range do not count, and are on a page that has no more than its limit behind them.
        self.left -= asked.limit.min(self.left);
        let limit = PAGE.min(self.left);
        self.question = page.next.filter(|_| limit > 0).map(|after| ReadRaw { after: Some(after), limit, ..asked });
        sheet.finish().map(Some)
    }
}

/// Rows of a page, by time over all tags.
fn samples(sheet: &mut Sheet, page: &RawPage, names: &[String]) -> Result<(), Problem> {
    let slots = page.series.iter().enumerate();
    let mut order: Vec<(Timestamp, usize, usize)> = slots
        .flat_map(|(slot, series)| series.samples.iter().enumerate().map(move |(row, sample)| (sample.time, slot, row)))
        .collect();
    order.sort_unstable();
    for (time, slot, row) in order {
        let sample = &page.series[slot].samples[row];
        let (value, kind) = value_cells(sample.value.as_ref());
        sheet.row([&*protected(&names[slot]), &time_cell(time), &value, kind, &quality_cell(sample.quality)])?;
    }
    Ok(())
}

/// A grid: time, then value and quality of each tag.
pub(super) struct TablePages {
    plant: Plant,
    /// What to ask next.
    question: Option<ReadTable>,
    /// Rows that are still wanted.
    left: usize,
    names: Vec<String>,
    begun: bool,
}

impl TablePages {
    /// Up to `limit` rows, all of them where it is `None`; `names` of the tags in the order asked.
    pub(super) fn new(plant: Plant, question: ReadTable, limit: Option<usize>, names: Vec<String>) -> Self {
        let left = limit.unwrap_or(usize::MAX);
        let question = ReadTable { rows: rows_of_page(&question, left), ..question };
        Self { plant, question: Some(question), left, names, begun: false }
    }
}

fn rows_of_page(question: &ReadTable, left: usize) -> usize {
    (PAGE.min(MAX_CELLS) / question.tags.len().max(1)).clamp(1, left.max(1))
}

impl Pages for TablePages {
    async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        let Some(asked) = self.question.take() else { return Ok(None) };
        let table = patiently(self.begun, || question(&self.plant, asked.clone())).await?;
        let mut sheet = Sheet::new();
        if !std::mem::replace(&mut self.begun, true) {
            let columns = self
                .names
                .iter()
                .flat_map(|name| [protected(name).into_owned(), protected(&format!("{name} quality")).into_owned()]);
            sheet.row(std::iter::once("time".to_owned()).chain(columns))?;
        }
        grid(&mut sheet, &table)?;
        self.left -= table.times.len().min(self.left);
        let rows = rows_of_page(&asked, self.left);
        self.question = table.next.filter(|_| self.left > 0).map(|from| ReadTable { from, rows, ..asked });
        sheet.finish().map(Some)
    }
}

fn grid(sheet: &mut Sheet, table: &Table) -> Result<(), Problem> {
    for (row, time) in table.times.iter().enumerate() {
        let cells = table.columns.iter().filter_map(|column| column.cells.get(row));
        let cells =
            cells.flat_map(|cell| [value_cells(cell.value.as_ref()).0.into_owned(), quality_cell(cell.quality)]);
        sheet.row(std::iter::once(time_cell(*time)).chain(cells))?;
    }
    Ok(())
}

/// Asks until the plant has time for it, where part of the file has been answered already.
async fn patiently<T, F>(begun: bool, ask: impl Fn() -> F) -> Result<T, Problem>
where
    F: Future<Output = Result<Result<T, HistoryError>, Problem>>,
{
    let tries = if begun { TRIES } else { 1 };
    for _ in 1..tries {
        match ask().await? {
            Err(HistoryError::Busy) => tokio::time::sleep(PAUSE).await,
            answer => return Ok(answer?),
        }
    }
    Ok(ask().await??)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::body::MessageBody as _;
    use actix_web::test::TestRequest;
    use flyball::history::{RawSeries, Sample};
    use flyball::schema::{Quality, TagId, Value};
    use std::cell::Cell;
    use std::rc::Rc;

    #[test]
    fn csv_is_answered_to_those_who_name_it() {
        let wanted = |accept: &str| is_wanted(&TestRequest::get().insert_header(("accept", accept)).to_http_request());
        assert!(wanted("text/csv") && wanted("Text/CSV;q=0.9, application/json;q=0.1"));
        assert!(!wanted("*/*") && !wanted("application/json") && !wanted("text/csv2"));
    }

    #[test]
    fn rows_are_by_time_and_no_text_of_them_is_a_formula() {
        let sample =
            |time, value| Sample { time: Timestamp::from_micros(time), value: Some(value), quality: Quality::GOOD };
        let series = |tag, samples| RawSeries { tag: TagId(tag), samples };
        let page = RawPage {
            series: vec![
                series(1, vec![sample(1_000_000, Value::Float(-1.5)), sample(3_000_000, Value::Integer(-2))]),
                series(2, vec![sample(2_000_000, Value::from("=cmd()")), sample(4_000_000, Value::from("a,\"b\""))]),
            ],
            next: None,
        };
        let mut sheet = Sheet::new();
        samples(&mut sheet, &page, &["level".to_owned(), "@mode".to_owned()]).unwrap();
        let text = String::from_utf8(sheet.finish().unwrap().to_vec()).unwrap();
        let expected = "level,1970-01-01T00:00:01.000000Z,-1.5,float,0x00000000 good\n\
            '@mode,1970-01-01T00:00:02.000000Z,'=cmd(),text,0x00000000 good\n\
            level,1970-01-01T00:00:03.000000Z,-2,integer,0x00000000 good\n\
            '@mode,1970-01-01T00:00:04.000000Z,\"a,\"\"b\"\"\",text,0x00000000 good\n";
        assert_eq!(text, expected);
    }

    /// Pages without end that count how many were asked for.
    struct Endless(Rc<Cell<usize>>);

    impl Pages for Endless {
        async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
            self.0.set(self.0.get() + 1);
            Ok(Some(Bytes::from_static(b"1,2\n")))
        }
    }

    #[actix_web::test]
    async fn a_page_is_read_when_the_one_before_was_taken_and_none_for_a_client_that_went() {
        let asked = Rc::new(Cell::new(0));
        let request = TestRequest::get().to_http_request();
        let response = answer(&request, "history", Endless(Rc::clone(&asked))).await.unwrap();
        let mut body = response.into_body();
        for taken in 1..=5 {
            std::future::poll_fn(|cx| std::pin::Pin::new(&mut body).poll_next(cx)).await.unwrap().unwrap();
            assert_eq!(asked.get(), taken);
        }
        drop(body);
        assert_eq!((asked.get(), Rc::strong_count(&asked)), (5, 1));
    }

    #[actix_web::test]
    async fn a_head_request_reads_no_more_than_a_page() {
        let asked = Rc::new(Cell::new(0));
        let request = TestRequest::default().method(Method::HEAD).to_http_request();
        let response = answer(&request, "history", Endless(Rc::clone(&asked))).await.unwrap();
        assert_eq!(response.headers().get("content-type").unwrap(), "text/csv; charset=utf-8; header=present");
        assert_eq!(asked.get(), 1);
    }

    /// Pages that fail behind the first.
    struct Failing(bool);

    impl Pages for Failing {
        async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
            if std::mem::replace(&mut self.0, true) {
                Err(Problem::busy("too much to do"))
            } else {
                Ok(Some(Bytes::new()))
            }
        }
    }

    #[actix_web::test]
    async fn a_failure_is_a_problem_before_the_file_and_an_error_in_it() {
        let request = TestRequest::get().to_http_request();
        assert_eq!(answer(&request, "history", Failing(true)).await.unwrap_err().code, "busy");
        let response = answer(&request, "history", Failing(false)).await.unwrap();
        assert!(actix_web::body::to_bytes(response.into_body()).await.is_err());
    }
}
