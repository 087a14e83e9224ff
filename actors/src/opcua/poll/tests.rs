use super::*;
use crate::Clock;
use crate::opcua::{Acquisition, AddLink, LinkStatus, LinkedTag, OpcUaSettings};
use flyball_schema::definition::LinkDefinition;
use flyball_schema::{DataType, LinkId, TagId};
use std::collections::VecDeque;
use std::future::pending;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A device that takes its time, and what it was asked.
struct Device {
    begun: Instant,
    takes: Duration,
    /// More values than this are too many for one request.
    most: usize,
    /// What the next requests are answered instead.
    faults: Mutex<VecDeque<StatusCode>>,
    /// When a request came, when it was answered, and for how many values it asked.
    asked: Mutex<Vec<(u128, u128, usize)>>,
}

impl Device {
    fn new(takes: Duration) -> Arc<Self> {
        Self::with(takes, 10_000, [])
    }

    fn with<const N: usize>(takes: Duration, most: usize, faults: [StatusCode; N]) -> Arc<Self> {
        let (faults, asked) = (Mutex::new(faults.into()), Mutex::default());
        Arc::new(Self { begun: Instant::now(), takes, most, faults, asked })
    }

    fn asked(&self) -> Vec<(u128, u128, usize)> {
        self.asked.lock().unwrap().clone()
    }

    fn times(&self) -> Vec<u128> {
        self.asked().into_iter().map(|(came, ..)| came).collect()
    }
}

impl Source for Arc<Device> {
    async fn read(&self, nodes: &[ReadValueId]) -> Result<Vec<DataValue>, StatusCode> {
        let came = self.begun.elapsed().as_millis();
        sleep(self.takes).await;
        self.asked.lock().unwrap().push((came, self.begun.elapsed().as_millis(), nodes.len()));
        if let Some(fault) = self.faults.lock().unwrap().pop_front() {
            return Err(fault);
        }
        if nodes.len() > self.most {
            return Err(StatusCode::BadTooManyOperations);
        }
        Ok(vec![DataValue::new_now(1.0); nodes.len()])
    }
}

struct Bench {
    field: Arc<Field>,
    poller: Poller<Arc<Device>>,
    device: Arc<Device>,
}

impl Bench {
    /// Polls as many items as there are intervals.
    async fn start(device: Arc<Device>, intervals: &[u32]) -> Self {
        let tags = (0..).zip(intervals).map(|(tag, interval_ms)| LinkedTag {
            tag: TagId(tag),
            node: format!("ns=2;s={tag}"),
            data_type: DataType::Float,
            acquisition: Acquisition::Poll { interval_ms: *interval_ms },
        });
        let definition = LinkDefinition::new("bench", "opc.tcp://bench/");
        let link = AddLink { id: LinkId(1), definition, connected_tag: TagId(1_000_000), tags: tags.collect() };
        let field = Field::new(link, Clock::system(), OpcUaSettings::default(), watch::channel(0).0);
        let field = Arc::new(field);
        let poller = Poller::new(Arc::clone(&field), Arc::clone(&device), 1_000);
        poller.add(items(&field)).await.unwrap();
        Self { field, poller, device }
    }

    /// What happens until `time` after now.
    async fn run(&self, time: Duration) -> Option<Failure> {
        timeout(time, self.poller.run()).await.ok()
    }

    fn status(&self) -> LinkStatus {
        self.field.status()
    }
}

fn items(field: &Field) -> Vec<(u32, Arc<Item>)> {
    let interval = |item: &Item| match item.acquisition {
        Acquisition::Poll { interval_ms } => interval_ms,
        Acquisition::Subscribe { .. } => 0,
    };
    field.items(0).unwrap().into_iter().map(|item| (interval(&item), item)).collect()
}

#[tokio::test(start_paused = true)]
async fn items_are_read_at_once_and_then_each_interval_s_together() {
    let bench = Bench::start(Device::new(ms(0)), &[100, 250, 100]).await;
    assert_eq!(bench.run(ms(510)).await, None);
    let asked: Vec<_> = bench.device.asked().into_iter().map(|(came, _, count)| (came, count)).collect();
    assert_eq!(asked[0], (0, 3));
    let of = |count: usize| asked[1..].iter().filter(|(_, asked)| *asked == count).map(|(came, _)| *came).collect();
    let (often, seldom): (Vec<_>, Vec<_>) = (of(2), of(1));
    assert_eq!((often, seldom), (vec![100, 200, 300, 400, 500], vec![250, 500]));
    let status = bench.status();
    assert_eq!((status.changes, status.batches, status.polls_skipped), (15, 8, 0));
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_takes_longer_than_its_interval_skips_and_never_overlaps() {
    let bench = Bench::start(Device::new(ms(250)), &[100]).await;
    bench.run(ms(1_260)).await;
    let asked = bench.device.asked();
    assert!(asked.windows(2).all(|pair| pair[1].0 >= pair[0].1), "{asked:?}");
    // The first reading ends at 250 ms: from then on the clock of the interval runs.
    assert_eq!(bench.device.times(), [0, 350, 650, 950, 1_250][..asked.len()]);
    assert_eq!(bench.status().polls_skipped, 2 * (asked.len() as u64 - 1));
}

#[tokio::test(start_paused = true)]
async fn a_slow_group_does_not_hold_up_the_others() {
    let bench = Bench::start(Device::new(ms(90)), &[100, 1_000]).await;
    bench.run(ms(1_500)).await;
    let times = bench.device.times();
    assert!((1..14).all(|poll| times.contains(&(90 + poll * 100))), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn many_items_are_read_in_requests_of_a_bounded_size() {
    let bench = Bench::start(Device::new(ms(0)), &[1_000; 1_200]).await;
    let counts: Vec<usize> = bench.device.asked().into_iter().map(|(.., count)| count).collect();
    assert_eq!(counts, [500, 500, 200]);
    assert_eq!(bench.status().changes, 1_200);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_takes_fewer_at_once_is_asked_for_fewer() {
    let bench = Bench::start(Device::with(ms(0), 3, []), &[100; 10]).await;
    bench.run(ms(110)).await;
    let counts: Vec<usize> = bench.device.asked().into_iter().map(|(.., count)| count).collect();
    assert_eq!(counts, [10, 5, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2]);
    let status = bench.status();
    assert_eq!((status.changes, status.read_failures, status.items_failed), (20, 2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_too_much_even_alone_is_passed_over() {
    let bench = Bench::start(Device::with(ms(0), 0, []), &[100; 2]).await;
    let counts: Vec<usize> = bench.device.asked().into_iter().map(|(.., count)| count).collect();
    assert_eq!((counts.as_slice(), bench.status().changes), ([2, 1, 1].as_slice(), 2));
}

#[tokio::test(start_paused = true)]
async fn a_failed_poll_is_tried_again_soon_however_long_the_interval() {
    let bench = Bench::start(Device::new(ms(0)), &[60_000]).await;
    bench.device.faults.lock().unwrap().extend([StatusCode::BadTimeout; 2]);
    assert_eq!(bench.run(ms(62_500)).await, None);
    assert_eq!(bench.device.times(), [0, 60_000, 61_000, 62_000]);
    assert_eq!(bench.status().read_failures, 2);
}

#[tokio::test(start_paused = true)]
async fn three_failures_in_a_row_or_a_closed_session_are_told() {
    let bench = Bench::start(Device::new(ms(0)), &[100]).await;
    bench.device.faults.lock().unwrap().extend([StatusCode::BadTimeout; 3]);
    assert_eq!(bench.run(ms(10_000)).await, Some(Failure::network("no answer")));
    assert_eq!(bench.device.times(), [0, 100, 200, 300]);

    let bench = Bench::start(Device::new(ms(0)), &[100]).await;
    bench.device.faults.lock().unwrap().push_back(StatusCode::BadSessionClosed);
    assert!(bench.run(ms(10_000)).await.is_some());
    assert_eq!(bench.device.times(), [0, 100]);
}

#[tokio::test(start_paused = true)]
async fn items_come_and_go_while_others_are_polled() {
    let bench = Bench::start(Device::new(ms(0)), &[100, 100, 300]).await;
    let items = items(&bench.field);
    let changes = async {
        sleep(ms(150)).await;
        bench.poller.remove(&HashSet::from([items[0].1.handle, items[2].1.handle]));
        sleep(ms(100)).await;
        bench.poller.add(vec![items[2].clone()]).await.unwrap();
        sleep(ms(310)).await;
        bench.poller.remove(&items.iter().map(|(_, item)| item.handle).collect());
        pending::<()>().await
    };
    let both = async {
        tokio::select! {
            failure = bench.poller.run() => panic!("{failure:?}"),
            () = changes => {}
        }
    };
    assert!(timeout(ms(2_000), both).await.is_err());
    let asked: Vec<_> = bench.device.asked().into_iter().map(|(came, _, count)| (came, count)).collect();
    let expected = [(0, 3), (100, 2), (200, 1), (250, 1), (300, 1), (400, 1), (500, 1), (550, 1)];
    assert_eq!(asked, expected);
}

#[test]
fn the_next_poll_is_at_the_next_multiple_of_the_period() {
    let due = Instant::now();
    assert_eq!(following(due, due, ms(100)), (due + ms(100), 0));
    assert_eq!(following(due, due + ms(99), ms(100)), (due + ms(100), 0));
    assert_eq!(following(due, due + ms(100), ms(100)), (due + ms(200), 1));
    assert_eq!(following(due, due + ms(1_050), ms(100)), (due + ms(1_100), 10));
}
