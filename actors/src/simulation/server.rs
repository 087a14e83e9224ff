//! The quadruple-tank process as a device on the network: an OPC UA server that simulates in real time.

use super::quadruple_tank::{Parameters, QuadrupleTank};
use crate::Clock;
use crate::opcua::device::{Device, DeviceError, DeviceVariable, Publisher, Sample};
use flyball_schema::{Quality, Timestamp, Value};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// Interval between two steps of the simulation, in real time.
const STEP: Duration = Duration::from_millis(100);

/// Position of the first level, pump voltage, pump flow and the heartbeat among the variables.
const LEVEL: usize = 0;
const VOLTAGE: usize = 4;
const FLOW: usize = 6;
const HEARTBEAT: usize = 8;

/// Why a simulated device does not run.
pub type SimulationError = DeviceError;

/// How the process is simulated.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatorOptions {
    /// What the process is built of.
    pub parameters: Parameters,
    /// Levels at start, cm.
    pub levels: [f64; 4],
    /// Pump voltages at start, V.
    pub voltage: [f64; 2],
    /// Simulated seconds per second of real time.
    pub time_scale: f64,
    /// Standard deviation of the noise on a measured level, cm; 0 for none.
    pub noise: f64,
    /// Where the noise starts: the same seed gives the same noise.
    pub seed: u64,
}

impl Default for SimulatorOptions {
    /// Nearly empty tanks with both pumps at 3 V, in real time, without noise.
    fn default() -> Self {
        Self {
            parameters: Parameters::at_operating_point(),
            levels: [5.0, 5.0, 1.0, 1.0],
            voltage: [3.0, 3.0],
            time_scale: 1.0,
            noise: 0.0,
            seed: 1,
        }
    }
}

/// The quadruple-tank process as an OPC UA server, listening and yet to run.
///
/// Variables (`ns=2;s=…`): `tank1.level` … `tank4.level` (cm), `pump1.voltage`, `pump2.voltage` (V, writable, 0–10),
/// `pump1.flow`, `pump2.flow` (cm³/s), all Double, and `heartbeat` (Int64, one more every 100 ms).
#[derive(Debug)]
pub struct Simulator {
    device: Device,
    process: Arc<Mutex<QuadrupleTank>>,
    options: SimulatorOptions,
}

impl Simulator {
    /// [`bind_with`](Self::bind_with) the default options.
    ///
    /// # Errors
    /// [`DeviceError::Bind`], [`DeviceError::Server`].
    pub async fn bind(address: &str) -> Result<Self, SimulationError> {
        Self::bind_with(address, SimulatorOptions::default()).await
    }

    /// Listens on `address`, `127.0.0.1:48400`; port 0 takes a free one.
    ///
    /// # Errors
    /// [`DeviceError::Bind`], [`DeviceError::Server`].
    pub async fn bind_with(address: &str, options: SimulatorOptions) -> Result<Self, SimulationError> {
        let process = QuadrupleTank::new(options.parameters, options.levels, options.voltage);
        let process = Arc::new(Mutex::new(process));
        let written = Arc::clone(&process);
        let on_write = Box::new(move |variable: usize, value: Value| {
            let (Some(pump), Value::Float(voltage)) = (variable.checked_sub(VOLTAGE), value) else {
                return Err(Quality::BAD_NOT_WRITABLE);
            };
            let mut process = written.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(Value::Float(process.set_voltage(pump, voltage)))
        });
        let device = Device::bind(address, "quadruple-tank", variables(&options), on_write).await?;
        Ok(Self { device, process, options })
    }

    /// Where clients find it, `opc.tcp://127.0.0.1:48400/`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.device.endpoint().to_owned()
    }

    /// Simulates and serves until `stop` is ready.
    ///
    /// # Errors
    /// [`DeviceError::Server`] where the OPC UA stack ends of itself.
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> Result<(), SimulationError> {
        let stepping = step_for_ever(self.device.publisher(), self.process, self.options);
        let running = self.device.run_until(stop);
        tokio::select! {
            ended = running => ended,
            failed = stepping => Err(failed),
        }
    }

    /// Simulates and serves in a task of its own, until the handle is [stopped](SimulatorHandle::stop) or dropped.
    #[must_use]
    pub fn spawn(self) -> SimulatorHandle {
        let (endpoint, stop) = (self.endpoint(), CancellationToken::new());
        let task = tokio::spawn(self.run_until(stop.clone().cancelled_owned()));
        SimulatorHandle { endpoint, stop, task: Some(task) }
    }
}

/// A running simulator; dropping it stops it.
#[derive(Debug)]
pub struct SimulatorHandle {
    endpoint: String,
    stop: CancellationToken,
    task: Option<JoinHandle<Result<(), SimulationError>>>,
}

impl SimulatorHandle {
    /// Where clients find it.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.endpoint.clone()
    }

    /// Closes the sessions and the port, and waits until that is done.
    ///
    /// # Errors
    /// [`DeviceError::Server`] where it had ended of itself before.
    pub async fn stop(mut self) -> Result<(), SimulationError> {
        self.stop.cancel();
        match self.task.take() {
            Some(task) => task.await.map_err(|error| DeviceError::Server(error.to_string()))?,
            None => Ok(()),
        }
    }
}

impl Drop for SimulatorHandle {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn variables(options: &SimulatorOptions) -> Vec<DeviceVariable> {
    let process = QuadrupleTank::new(options.parameters, options.levels, options.voltage);
    let float = |name: String, value: f64| DeviceVariable::new(name, value);
    let mut variables = Vec::with_capacity(HEARTBEAT + 1);
    variables.extend((1..).zip(process.levels()).map(|(tank, level)| float(format!("tank{tank}.level"), level)));
    variables.extend(
        (1..).zip(process.voltage()).map(|(pump, voltage)| float(format!("pump{pump}.voltage"), voltage).writable()),
    );
    variables.extend((1..).zip(process.pump_flow()).map(|(pump, flow)| float(format!("pump{pump}.flow"), flow)));
    variables.push(DeviceVariable::new("heartbeat", 0_i64));
    variables
}

async fn step_for_ever(
    publisher: Publisher,
    process: Arc<Mutex<QuadrupleTank>>,
    options: SimulatorOptions,
) -> SimulationError {
    let clock = Clock::system();
    let mut noise = Noise::new(options.seed, options.noise);
    let mut ticks = interval(STEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut done = clock.uptime();
    let mut heartbeat = 0_i64;
    loop {
        ticks.tick().await;
        let now = clock.uptime();
        let elapsed = now.saturating_sub(done).as_secs_f64() * options.time_scale;
        done = now;
        heartbeat += 1;
        let samples = {
            let mut process = process.lock().unwrap_or_else(PoisonError::into_inner);
            process.advance(elapsed);
            measure(&process, &mut noise, heartbeat, clock.now())
        };
        if let Err(error) = publisher.publish(&samples) {
            return error;
        }
    }
}

fn measure(process: &QuadrupleTank, noise: &mut Noise, heartbeat: i64, time: Timestamp) -> Vec<Sample> {
    let sample = |variable, value: Value| Sample { variable, value, quality: Quality::GOOD, time };
    let mut samples = Vec::with_capacity(HEARTBEAT + 1);
    let levels = process.levels().map(|level| (level + noise.next()).max(0.0));
    samples.extend((LEVEL..).zip(levels).map(|(variable, level)| sample(variable, level.into())));
    samples.extend((VOLTAGE..).zip(process.voltage()).map(|(variable, voltage)| sample(variable, voltage.into())));
    samples.extend((FLOW..).zip(process.pump_flow()).map(|(variable, flow)| sample(variable, flow.into())));
    samples.push(sample(HEARTBEAT, heartbeat.into()));
    samples
}

/// Noise that is near enough to normal: the sum of twelve uniform numbers, from a xorshift generator (Marsaglia 2003).
struct Noise {
    state: u64,
    deviation: f64,
}

impl Noise {
    fn new(seed: u64, deviation: f64) -> Self {
        Self { state: seed.max(1), deviation }
    }

    fn next(&mut self) -> f64 {
        if self.deviation <= 0.0 {
            return 0.0;
        }
        let sum: f64 = (0..12).map(|_| self.uniform()).sum();
        (sum - 6.0) * self.deviation
    }

    fn uniform(&mut self) -> f64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        // The upper 53 bits are a number of [0, 1) without rounding.
        (self.state >> 11) as f64 / 9_007_199_254_740_992.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_noise_about_zero() {
        let draw = |seed| {
            let mut noise = Noise::new(seed, 0.1);
            (0..1_000).map(|_| noise.next()).collect::<Vec<_>>()
        };
        let drawn = draw(7);
        assert_eq!(drawn, draw(7));
        let mean = drawn.iter().sum::<f64>() / 1_000.0;
        let deviation = (drawn.iter().map(|value| value * value).sum::<f64>() / 1_000.0).sqrt();
        assert!(mean.abs() < 0.015 && (deviation - 0.1).abs() < 0.01, "mean {mean}, deviation {deviation}");
    }

    #[test]
    fn variables_and_samples_stand_in_the_same_order() {
        let options = SimulatorOptions::default();
        let process = QuadrupleTank::new(options.parameters, options.levels, options.voltage);
        let variables = variables(&options);
        let samples = measure(&process, &mut Noise::new(1, 0.0), 0, Timestamp::from_micros(0));
        assert_eq!(variables.len(), samples.len());
        for (place, (variable, sample)) in variables.iter().zip(samples).enumerate() {
            assert_eq!((place, &variable.initial), (sample.variable, &sample.value), "{}", variable.name);
        }
        assert_eq!(variables[VOLTAGE].name, "pump1.voltage");
        assert!(variables[VOLTAGE].writable && variables[VOLTAGE + 1].writable && !variables[FLOW].writable);
    }
}
