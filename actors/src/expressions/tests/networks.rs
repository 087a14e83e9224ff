//! Networks of derived tags.

use super::*;
use flyball_schema::expression::Cycle;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn tag(number: usize) -> TagId {
    TagId(u32::try_from(number).unwrap())
}

/// The sum of tags named by their numbers, plus 1.
fn sum_of(inputs: &[usize]) -> Program {
    let terms: Vec<String> = inputs.iter().map(|input| format!("{{{input}}}")).collect();
    compile_numbered(&format!("1 + {}", if terms.is_empty() { "0".to_owned() } else { terms.join(" + ") }))
}

fn compile_numbered(text: &str) -> Program {
    let find = |name: &str| Some((TagId(name.parse().ok()?), DataType::Float));
    Program::compile(&Expression::parse(text).unwrap(), DataType::Float, &find).unwrap()
}

/// What the current value table does.
struct Table {
    network: Network,
    values: Vec<Option<Value>>,
    evaluated: Vec<TagId>,
}

impl Table {
    fn new(network: Network, size: usize) -> Self {
        Self { network, values: vec![None; size], evaluated: Vec::new() }
    }

    fn write(&mut self, changes: &[(usize, f64)]) {
        for (index, value) in changes {
            if self.values[*index] != Some(Value::Float(*value)) {
                self.values[*index] = Some(Value::Float(*value));
                self.network.mark(tag(*index));
            }
        }
        self.calculate();
    }

    fn calculate(&mut self) {
        self.evaluated.clear();
        while let Some(due) = self.network.next_due() {
            let values = &self.values;
            let read = |tag: TagId| {
                let value = values.get(tag.index())?.as_ref();
                let quality = if value.is_some() { Quality::GOOD } else { Quality::BAD_WAITING_FOR_INITIAL_DATA };
                Some(Reading { value, quality })
            };
            let outcome = self.network.evaluate(due, Timestamp::from_micros(0), read).unwrap();
            self.evaluated.push(due);
            if self.values[due.index()] != outcome.value {
                self.values[due.index()] = outcome.value;
                self.network.mark(due);
            }
        }
    }

    fn number(&self, index: usize) -> Option<f64> {
        self.values[index].as_ref().and_then(Value::as_f64)
    }
}

fn network(derived: &[(usize, &[usize])]) -> Result<Network, Cycle<TagId>> {
    let mut network = Network::default();
    let changes = derived.iter().map(|(number, inputs)| (tag(*number), Some(sum_of(inputs)))).collect();
    network.change(changes).map(|()| network)
}

#[test]
fn a_diamond_is_calculated_once_each_and_after_its_inputs() {
    let derived: [(usize, &[usize]); 4] = [(10, &[12, 11]), (11, &[0]), (12, &[0, 11]), (13, &[1])];
    let mut table = Table::new(network(&derived).unwrap(), 20);
    table.write(&[(0, 1.0), (1, 1.0)]);
    assert_eq!(table.number(10), Some(1.0 + 2.0 + 4.0));
    table.write(&[(0, 2.0)]);
    assert_eq!(table.evaluated, [tag(11), tag(12), tag(10)]);
    assert_eq!(table.number(10), Some(1.0 + 3.0 + 6.0));
    table.write(&[(0, 2.0)]);
    assert_eq!(table.evaluated, []);
    assert_eq!(table.network.dependents(tag(0)).collect::<Vec<_>>(), [tag(11), tag(12)]);
}

#[test]
fn what_did_not_change_goes_no_further() {
    let mut network = Network::default();
    network.insert(tag(5), compile_numbered("clamp({0}, 0, 10)")).unwrap();
    network.insert(tag(6), compile_numbered("{5} * 2")).unwrap();
    let mut table = Table::new(network, 10);
    table.write(&[(0, 50.0)]);
    assert_eq!(table.number(6), Some(20.0));
    table.write(&[(0, 60.0)]);
    assert_eq!(table.evaluated, [tag(5)]);
}

#[test]
fn a_cycle_is_refused_and_changes_nothing() {
    let mut network = network(&[(10, &[0]), (11, &[10])]).unwrap();
    while let Some(due) = network.next_due() {
        network.evaluate(due, Timestamp::from_micros(0), |_| None).unwrap();
    }
    let cycle = network.change(vec![(tag(10), Some(sum_of(&[11]))), (tag(12), Some(sum_of(&[0])))]).unwrap_err();
    assert_eq!(cycle.to_string(), "derived tags need each other: 10 -> 11 -> 10");
    assert_eq!(network.insert(tag(9), sum_of(&[9])).unwrap_err().path, [tag(9)]);
    assert_eq!(network.tags().collect::<Vec<_>>(), [tag(10), tag(11)]);
    assert_eq!(network.program(tag(10)).unwrap().inputs(), [tag(0)]);
    assert_eq!(network.next_due(), None);
}

#[test]
fn a_program_may_be_replaced_and_taken_away() {
    let mut table = Table::new(network(&[(10, &[0]), (11, &[10])]).unwrap(), 20);
    table.write(&[(0, 1.0), (1, 5.0)]);
    assert_eq!(table.number(11), Some(3.0));
    table.network.insert(tag(10), sum_of(&[1])).unwrap();
    table.calculate();
    assert_eq!((table.number(10), table.number(11)), (Some(6.0), Some(7.0)));
    table.network.insert(tag(9), sum_of(&[11])).unwrap();
    table.network.remove(tag(11));
    table.network.remove(tag(11));
    assert_eq!(table.network.len(), 2);
    table.calculate();
    assert_eq!(table.evaluated, [tag(9)]);
    assert_eq!(table.network.evaluate(tag(11), Timestamp::from_micros(0), |_| None), None);
    table.network.change(vec![(tag(9), None), (tag(10), None)]).unwrap();
    assert!(table.network.is_empty());
    assert_eq!(table.network.next_due(), None);
    table.write(&[(0, 9.0)]);
    assert_eq!(table.evaluated, []);
}

#[test]
fn timed_tags_are_due_by_the_clock() {
    let mut network = network(&[(10, &[0])]).unwrap();
    network.insert(tag(11), compile_numbered("total({10}, 1s)")).unwrap();
    network.insert(tag(12), compile_numbered("{11} * 2")).unwrap();
    assert_eq!(network.timed().collect::<Vec<_>>(), [tag(11)]);
    let mut table = Table::new(network, 20);
    table.write(&[(0, 1.0)]);
    table.network.mark_timed();
    assert_eq!(table.network.next_due(), Some(tag(11)));
    table.calculate();
    assert_eq!(table.evaluated, [tag(11)]);
    let memory = table.network.program(tag(11)).unwrap().memory().unwrap();
    table.network.program_mut(tag(11)).unwrap().restore(&memory).unwrap();
}

#[test]
fn an_empty_network_takes_nothing() {
    let mut network = Network::default();
    network.mark(TagId(u32::MAX));
    network.mark_derived(TagId(7));
    network.mark_timed();
    assert!(network.is_empty());
    assert_eq!(network.next_due(), None);
    assert_eq!(network.dependents(TagId(u32::MAX)).count(), 0);
    assert!(network.program(TagId(3)).is_none());
}

#[test]
fn chains_of_ten_thousand_tags_follow_a_change() {
    const CHAINS: usize = 1_000;
    const DEPTH: usize = 10;
    // Tag 0 to 999 are inputs; chain k goes on at 1,000 + k, 2,000 + k, …
    let derived = (1..=DEPTH).flat_map(|level| (0..CHAINS).map(move |chain| level * CHAINS + chain));
    let mut network = Network::default();
    let changes = derived.rev().map(|number| (tag(number), Some(sum_of(&[number - CHAINS])))).collect();
    network.change(changes).unwrap();
    let mut table = Table::new(network, (DEPTH + 1) * CHAINS);
    let all: Vec<(usize, f64)> = (0..CHAINS).map(|chain| (chain, 5.0)).collect();
    table.write(&all);
    assert_eq!(table.evaluated.len(), DEPTH * CHAINS);
    assert!((0..CHAINS).all(|chain| table.number(DEPTH * CHAINS + chain) == Some(15.0)));
    table.write(&[(7, 6.0), (8, 5.0)]);
    assert_eq!(table.evaluated.len(), DEPTH);
    assert_eq!(table.number(DEPTH * CHAINS + 7), Some(16.0));
}

proptest! {
    /// Against values calculated anew in the order of the tags' numbers, of which each takes only lower ones.
    #[test]
    fn every_due_tag_is_calculated_once_and_after_its_inputs(
        graph in prop::collection::btree_map(10_usize..60, prop::collection::vec(0_usize..60, 0..4), 1..30),
        batches in prop::collection::vec(prop::collection::vec((0_usize..10, 0_i32..4), 0..5), 1..10),
        taken_away in prop::collection::vec(10_usize..60, 0..3),
    ) {
        let lower = |(number, inputs): (usize, Vec<usize>)| {
            (number, inputs.into_iter().map(|input| input % number).collect::<Vec<_>>())
        };
        let mut graph: BTreeMap<usize, Vec<usize>> = graph.into_iter().map(lower).collect();
        let mut network = Network::default();
        network.change(graph.iter().map(|(number, inputs)| (tag(*number), Some(sum_of(inputs)))).collect()).unwrap();
        for number in taken_away {
            network.remove(tag(number));
            graph.remove(&number);
        }
        let mut table = Table::new(network, 60);
        for batch in batches {
            let changes: Vec<(usize, f64)> = batch.into_iter().map(|(index, value)| (index, value.into())).collect();
            table.write(&changes);
            let mut seen = table.evaluated.clone();
            seen.sort_unstable();
            seen.dedup();
            prop_assert_eq!(seen.len(), table.evaluated.len());
            for (place, evaluated) in table.evaluated.iter().enumerate() {
                let inputs = &graph[&evaluated.index()];
                prop_assert!(table.evaluated[place..].iter().all(|later| !inputs.contains(&later.index())));
            }
            let written = |index: usize| table.number(index).filter(|_| index < 10);
            let mut expected: Vec<Option<f64>> = (0..60).map(written).collect();
            for (number, inputs) in &graph {
                expected[*number] = inputs.iter().try_fold(1.0, |sum, input| Some(sum + expected[*input]?));
            }
            prop_assert_eq!((0..60).map(|index| table.number(index)).collect::<Vec<_>>(), expected);
        }
    }
}
