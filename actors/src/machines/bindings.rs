//! Which tags a machine has and which it is bound to, and the units between.

use super::declaration::Declaration;
use super::error::MachineError;
use super::inputs::{InputTable, Port};
use super::outputs::{Driven, Sink};
use flyball_schema::definition::{MachineDefinition, TagDefinition};
use flyball_schema::units::{self, Unit};
use flyball_schema::{DataType, TagId};
use std::collections::{BTreeMap, VecDeque};

/// A tag that an input or output is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundTag {
    /// The tag.
    pub tag: TagId,
    /// Its name.
    pub name: String,
    /// Its type.
    pub data_type: DataType,
    /// Its quantity.
    pub quantity: Option<String>,
    /// Symbol of its unit.
    pub unit: Option<String>,
    /// Whether machines may write it.
    pub writable: bool,
    /// Whether it lives on a link, rather than in the table alone.
    pub field: bool,
}

impl BoundTag {
    /// The tag of a definition.
    #[must_use]
    pub fn new(tag: TagId, definition: &TagDefinition) -> Self {
        Self {
            tag,
            name: definition.name.clone(),
            data_type: definition.data_type,
            quantity: definition.quantity.clone(),
            unit: definition.unit.clone(),
            writable: definition.writable,
            field: definition.link.is_some(),
        }
    }
}

/// Tags of one output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputBinding {
    /// The machine's own tag, `<machine>.<output>`.
    pub own: BoundTag,
    /// Another tag that the output drives.
    pub drives: Option<BoundTag>,
}

/// All tags of one machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bindings {
    /// Text tag `<machine>.state`.
    pub state: TagId,
    /// Boolean tag `<machine>.faulted`.
    pub faulted: TagId,
    /// Input name → tag.
    pub inputs: BTreeMap<String, BoundTag>,
    /// Output name → tags.
    pub outputs: BTreeMap<String, OutputBinding>,
}

/// Name of a machine's own tag.
#[must_use]
pub fn tag_name(machine: &str, suffix: &str) -> String {
    format!("{machine}.{suffix}")
}

/// The tags that a machine needs and that have to exist before it is added: `<machine>.state` (text),
/// `<machine>.faulted` (Boolean, false at the start), then one per output.
#[must_use]
pub fn tags_of(machine: &str, declaration: &Declaration) -> Vec<TagDefinition> {
    let mut tags = vec![
        TagDefinition::text(tag_name(machine, "state"))
            .with_description(format!("State of machine {machine}, with its own state behind a slash")),
        TagDefinition::boolean(tag_name(machine, "faulted"))
            .with_description(format!("Machine {machine} has faulted and waits to be reset"))
            .with_initial(false),
    ];
    tags.extend(declaration.outputs.iter().map(|output| TagDefinition {
        unit: output.unit.map(str::to_owned),
        description: Some(match output.description {
            "" => format!("Output {} of machine {machine}", output.name),
            text => format!("Output {} of machine {machine}: {text}", output.name),
        }),
        ..TagDefinition::new(tag_name(machine, output.name), output.data_type)
    }));
    tags
}

impl Bindings {
    /// Resolves the tag names of a definition; the machine's own tags ([`tags_of`]) exist already.
    ///
    /// # Errors
    /// [`MachineError::UnknownInput`], [`MachineError::UnknownOutput`], [`MachineError::UnknownTag`].
    pub fn resolve(
        definition: &MachineDefinition,
        declaration: &Declaration,
        find: impl Fn(&str) -> Option<BoundTag>,
    ) -> Result<Self, MachineError> {
        let machine = &definition.name;
        check_names(definition, declaration)?;
        let find = |port: String, tag: &str| {
            find(tag).ok_or_else(|| MachineError::UnknownTag { machine: machine.clone(), port, tag: tag.to_owned() })
        };
        let mut inputs = BTreeMap::new();
        for (name, tag) in &definition.inputs {
            inputs.insert(name.clone(), find(input_port(name), tag)?);
        }
        let mut outputs = BTreeMap::new();
        for spec in &declaration.outputs {
            let port = || output_port(spec.name);
            let own = find(port(), &tag_name(machine, spec.name))?;
            let drives = definition.outputs.get(spec.name).map(|tag| find(port(), tag)).transpose()?;
            outputs.insert(spec.name.to_owned(), OutputBinding { own, drives });
        }
        let own = |suffix: &str| find(format!("tag {suffix}"), &tag_name(machine, suffix)).map(|bound| bound.tag);
        Ok(Self { state: own("state")?, faulted: own("faulted")?, inputs, outputs })
    }
}

fn check_names(definition: &MachineDefinition, declaration: &Declaration) -> Result<(), MachineError> {
    let machine = || definition.name.clone();
    let known: Vec<&'static str> = declaration.inputs.iter().map(|spec| spec.name).collect();
    if let Some(input) = definition.inputs.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(MachineError::UnknownInput { machine: machine(), input: input.clone(), known });
    }
    let known: Vec<&'static str> = declaration.outputs.iter().map(|spec| spec.name).collect();
    if let Some(output) = definition.outputs.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(MachineError::UnknownOutput { machine: machine(), output: output.clone(), known });
    }
    Ok(())
}

fn input_port(name: &str) -> String {
    format!("input \"{name}\"")
}

fn output_port(name: &str) -> String {
    format!("output \"{name}\"")
}

/// A change of unit within one quantity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Conversion {
    from: &'static Unit,
    to: &'static Unit,
}

impl Conversion {
    /// Finds the conversion of a tag's unit to or from the unit a machine computes in; `Ok(None)` where none is needed.
    fn between(bound: &BoundTag, wanted: &str) -> Result<Option<(&'static Unit, &'static Unit)>, ()> {
        let Some(symbol) = bound.unit.as_deref() else { return Err(()) };
        if symbol == wanted {
            return Ok(None);
        }
        units::find(symbol, bound.quantity.as_deref())
            .find_map(|tag| Some((tag, units::find(wanted, Some(tag.quantity)).next()?)))
            .map(Some)
            .ok_or(())
    }

    pub(super) fn apply(self, value: f64) -> f64 {
        self.to.from_si(self.from.to_si(value))
    }
}

/// Checks of one machine's bindings, with its name for errors.
pub(super) struct Compiler<'a> {
    pub(super) machine: &'a str,
    pub(super) declaration: &'a Declaration,
    pub(super) bindings: &'a Bindings,
}

impl Compiler<'_> {
    fn units(
        &self,
        port: impl Fn() -> String,
        bound: &BoundTag,
        wanted: Option<&str>,
    ) -> Result<Option<(&'static Unit, &'static Unit)>, MachineError> {
        let Some(wanted) = wanted else { return Ok(None) };
        Conversion::between(bound, wanted).map_err(|()| MachineError::UnitMismatch {
            machine: self.machine.to_owned(),
            port: port(),
            tag: bound.name.clone(),
            wanted: wanted.to_owned(),
            found: bound.unit.clone().unwrap_or_else(|| "none".to_owned()),
        })
    }

    fn types(&self, port: String, bound: &BoundTag, wanted: DataType, fits: bool) -> Result<(), MachineError> {
        if fits {
            return Ok(());
        }
        let (machine, tag, found) = (self.machine.to_owned(), bound.name.clone(), bound.data_type);
        Err(MachineError::TypeMismatch { machine, port, tag, wanted, found })
    }

    /// The inputs; slots are taken in `table` only when all of them fit.
    pub(super) fn ports(&self, table: &mut InputTable) -> Result<Vec<Port>, MachineError> {
        let mut ports = Vec::with_capacity(self.declaration.inputs.len());
        for spec in &self.declaration.inputs {
            let port = || input_port(spec.name);
            let bound = self.bindings.inputs.get(spec.name);
            let mut conversion = None;
            match bound {
                Some(bound) => {
                    let fits = can_become(bound.data_type, spec.data_type);
                    self.types(port(), bound, spec.data_type, fits)?;
                    conversion = self.units(port, bound, spec.unit)?.map(|(from, to)| Conversion { from, to });
                }
                None if spec.required => {
                    let (machine, input) = (self.machine.to_owned(), spec.name.to_owned());
                    return Err(MachineError::UnboundInput { machine, input });
                }
                None => {}
            }
            // The slot follows below.
            let source = bound.map(|bound| (bound.tag, 0));
            let (required, depth) = (spec.required, spec.buffer);
            ports.push(Port { source, conversion, required, depth, samples: VecDeque::with_capacity(depth) });
        }
        for port in &mut ports {
            port.source = port.source.map(|(tag, _)| (tag, table.attach(tag)));
        }
        Ok(ports)
    }

    /// The outputs.
    pub(super) fn sinks(&self) -> Result<Vec<Sink>, MachineError> {
        self.declaration.outputs.iter().map(|spec| self.sink(spec)).collect()
    }

    fn sink(&self, spec: &super::declaration::OutputSpec) -> Result<Sink, MachineError> {
        let port = || output_port(spec.name);
        let binding = self.bindings.outputs.get(spec.name).ok_or_else(|| MachineError::UnknownTag {
            machine: self.machine.to_owned(),
            port: port(),
            tag: tag_name(self.machine, spec.name),
        })?;
        self.types(port(), &binding.own, spec.data_type, binding.own.data_type == spec.data_type)?;
        let driven = binding.drives.as_ref().map(|bound| {
            if !bound.writable {
                let (machine, tag) = (self.machine.to_owned(), bound.name.clone());
                return Err(MachineError::NotWritable { machine, output: port(), tag });
            }
            self.types(port(), bound, spec.data_type, can_become(spec.data_type, bound.data_type))?;
            let conversion = self.units(port, bound, spec.unit)?.map(|(tag, own)| Conversion { from: own, to: tag });
            Ok(Driven { tag: bound.tag, data_type: bound.data_type, conversion, field: bound.field })
        });
        Ok(Sink { own: binding.own.tag, safe: spec.safe.clone(), driven: driven.transpose()? })
    }
}

/// Whether every value of a type can be told in another, beyond 2^53 apart.
fn can_become(from: DataType, to: DataType) -> bool {
    from == to || (from == DataType::Integer && to == DataType::Float)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machines::{Input, Output};

    const LEVEL: Input<f64> = Input::new("level").unit("m");
    const VOLTS: Output<f64> = Output::new("volts", 0.0).unit("V");

    fn bound(id: u32, definition: &TagDefinition) -> BoundTag {
        BoundTag::new(TagId(id), definition)
    }

    fn bindings(level: &TagDefinition, volts: Option<&TagDefinition>) -> Bindings {
        let own = bound(9, &TagDefinition::float("m.volts").with_unit("V"));
        let drives = volts.map(|volts| bound(2, volts));
        Bindings {
            state: TagId(7),
            faulted: TagId(8),
            inputs: [("level".to_owned(), bound(1, level))].into(),
            outputs: [("volts".to_owned(), OutputBinding { own, drives })].into(),
        }
    }

    fn compile(bindings: &Bindings) -> Result<(Vec<Port>, Vec<Sink>), MachineError> {
        let declaration = Declaration::new("k").input(LEVEL).output(VOLTS);
        let compiler = Compiler { machine: "m", declaration: &declaration, bindings };
        Ok((compiler.ports(&mut InputTable::default())?, compiler.sinks()?))
    }

    #[test]
    fn values_are_converted_to_the_unit_the_machine_computes_in_and_back() {
        let level = TagDefinition::float("tank").with_unit("cm");
        let volts = TagDefinition::float("pump").with_unit("mV").writable();
        let (ports, sinks) = compile(&bindings(&level, Some(&volts))).unwrap();
        assert!((ports[0].conversion.unwrap().apply(12.4) - 0.124).abs() < 1e-15);
        let driven = sinks[0].driven.as_ref().unwrap().conversion.unwrap();
        assert!((driven.apply(3.0) - 3_000.0).abs() < 1e-9);
    }

    #[test]
    fn a_unit_that_does_not_fit_names_machine_input_and_both_units() {
        let error = |level: TagDefinition| compile(&bindings(&level, None)).unwrap_err().to_string();
        assert_eq!(
            error(TagDefinition::float("tank").with_unit("bar")),
            "machine \"m\", input \"level\": computes in m, which does not fit the unit of tag \"tank\": bar"
        );
        assert!(error(TagDefinition::float("tank")).ends_with("the unit of tag \"tank\": none"));
    }

    #[test]
    fn a_type_that_does_not_fit_is_refused() {
        let error = compile(&bindings(&TagDefinition::boolean("run"), None)).unwrap_err();
        assert_eq!(error.to_string(), "machine \"m\", input \"level\": takes float, but tag \"run\" is boolean");
        let whole = TagDefinition::integer("count").with_unit("cm");
        assert!(compile(&bindings(&whole, None)).is_ok(), "an integer tag feeds a float input");
        let narrow = TagDefinition::integer("pump").with_unit("V").writable();
        let level = TagDefinition::float("tank").with_unit("cm");
        assert!(matches!(compile(&bindings(&level, Some(&narrow))), Err(MachineError::TypeMismatch { .. })));
    }

    #[test]
    fn a_tag_that_is_not_writable_is_not_driven() {
        let level = TagDefinition::float("tank").with_unit("cm");
        let volts = TagDefinition::float("pump").with_unit("V");
        let error = compile(&bindings(&level, Some(&volts))).unwrap_err();
        assert_eq!(error.to_string(), "machine \"m\", output \"volts\": tag \"pump\" is not writable");
    }

    #[test]
    fn names_of_a_definition_are_resolved_or_named_in_the_error() {
        let declaration = Declaration::new("k").input(LEVEL).output(VOLTS);
        let mut definition = MachineDefinition {
            name: "m".to_owned(),
            kind: "k".to_owned(),
            description: None,
            mode: flyball_schema::definition::Mode::Sync,
            interval_ms: 100,
            inputs: [("level".to_owned(), "tank".to_owned())].into(),
            outputs: BTreeMap::new(),
            parameters: BTreeMap::new(),
        };
        let mut tags = tags_of("m", &declaration);
        assert_eq!(tags.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>(), ["m.state", "m.faulted", "m.volts"]);
        let find = |tags: &[TagDefinition], name: &str| {
            (0..).zip(tags).find(|(_, tag)| tag.name == name).map(|(id, tag)| bound(id, tag))
        };
        let error = Bindings::resolve(&definition, &declaration, |name| find(&tags, name)).unwrap_err();
        assert_eq!(error.to_string(), "machine \"m\", input \"level\": there is no tag \"tank\"");
        tags.push(TagDefinition::float("tank").with_unit("cm"));
        let resolved = Bindings::resolve(&definition, &declaration, |name| find(&tags, name)).unwrap();
        assert_eq!((resolved.state, resolved.faulted, resolved.inputs["level"].tag), (TagId(0), TagId(1), TagId(3)));
        definition.inputs.insert("speed".to_owned(), "tank".to_owned());
        let error = Bindings::resolve(&definition, &declaration, |name| find(&tags, name)).unwrap_err();
        assert_eq!(error.to_string(), "machine \"m\" has no input \"speed\"; it has level");
    }
}
