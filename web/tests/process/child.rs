//! Processes that end with their test, and waiting for what they do.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a test waits for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// How often a state is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// One test under load at a time: what it promises within 100 ms needs a processor.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static LOAD: Mutex<()> = Mutex::new(());
    LOAD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Real time: these tests are about processes, which know no other.
#[expect(clippy::disallowed_methods, reason = "other processes live in real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Lets real time pass between two looks at a state.
#[expect(clippy::disallowed_methods, reason = "other processes live in real time, and no arbiter runs on this thread")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Looks until there is something; fails after `within`, saying what was waited for.
pub(crate) fn wait_for<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let began = now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(began.elapsed() < within, "within {within:?} there was no {what}");
        pause(LOOK);
    }
}

/// The lines of an output so far.
#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn read(output: impl Read + Send + 'static) -> (Self, JoinHandle<()>) {
        let lines = Self::default();
        let kept = lines.clone();
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                kept.0.lock().unwrap().push(line);
            }
        });
        (lines, reader)
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// A child process. It is killed when this is dropped, also by a failing test, which then shows its last lines.
#[derive(Debug)]
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    /// Devices end when it closes.
    _stdin: Option<ChildStdin>,
    stdout: Lines,
    stderr: Lines,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts a process with all its streams piped.
    pub(crate) fn spawn(name: &'static str, command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let (stdout, first) = Lines::read(child.stdout.take().unwrap());
        let (stderr, second) = Lines::read(child.stderr.take().unwrap());
        Self { name, _stdin: child.stdin.take(), child, stdout, stderr, readers: vec![first, second] }
    }

    /// The binary, with a command line, in a folder of its own and with none of our environment that it reads.
    pub(crate) fn flyball(folder: &std::path::Path, arguments: &[&str]) -> Command {
        // A file that may not grow is an error then, as a full disk is, and does not end the process.
        let mut command = Command::new("sh");
        command.args(["-c", r#"trap '' XFSZ; exec "$0" "$@""#, env!("CARGO_BIN_EXE_flyball")]);
        command.args(arguments).current_dir(folder).env_remove("RUST_LOG");
        for (key, _) in std::env::vars_os() {
            if key.to_string_lossy().starts_with("FLYBALL") {
                command.env_remove(key);
            }
        }
        command
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Lines of standard error so far.
    pub(crate) fn stderr(&self) -> Vec<String> {
        self.stderr.all()
    }

    /// What stands behind `prefix` in the first line of standard output that begins with it.
    pub(crate) fn ready(&mut self, prefix: &str) -> String {
        let stdout = self.stdout.clone();
        self.find(prefix, || stdout.all().iter().find_map(|line| line.strip_prefix(prefix)).map(str::to_owned))
    }

    /// The first line of standard error that holds `part`.
    pub(crate) fn logged(&mut self, part: &str) -> String {
        let stderr = self.stderr.clone();
        self.find(part, || stderr.all().into_iter().find(|line| line.contains(part)))
    }

    fn find(&mut self, what: &str, look: impl Fn() -> Option<String>) -> String {
        let line = wait_for(&format!("\"{what}\" of {}", self.name), PATIENCE, || {
            look().map(Ok).or_else(|| self.child.try_wait().unwrap().map(Err))
        });
        // It may have said so and ended between the two looks.
        line.unwrap_or_else(|status| look().unwrap_or_else(|| panic!("{} ended: {status}", self.name)))
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        let sent = Command::new("sh").arg("-c").arg(format!("kill -TERM {}", self.pid())).status().unwrap();
        assert!(sent.success());
    }

    /// SIGKILL; returns when it is dead.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the end: exit code and all lines of standard error.
    pub(crate) fn ended(mut self, within: Duration) -> (i32, Vec<String>) {
        let status = wait_for(&format!("end of {}", self.name), within, || self.child.try_wait().unwrap());
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        (status.code().unwrap_or_else(|| panic!("{} ended by {status}", self.name)), self.stderr())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended before, and nothing is left to be done then.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
        if std::thread::panicking() {
            let lines = self.stderr();
            let last = lines.len().saturating_sub(30);
            eprintln!("--- {} said:\n{}", self.name, lines[last..].join("\n"));
        }
    }
}
