//! What this process uses: CPU time of its threads, and bytes that it writes.

use std::collections::HashMap;

/// CPU time of each thread that lives, ns, and bytes handed to the kernel.
pub(crate) struct Watch {
    threads: HashMap<String, (String, u64)>,
    written: u64,
}

impl Watch {
    pub(crate) fn start() -> Self {
        Self { threads: threads(), written: written() }
    }

    /// CPU time since the start of the threads whose name `wanted` says, ns.
    pub(crate) fn cpu_ns(&self, wanted: impl Fn(&str) -> bool) -> f64 {
        let since = |id: &String, now: u64| now - self.threads.get(id).map_or(0, |(_, before)| *before);
        let used = threads().into_iter().filter(|(_, (name, _))| wanted(name));
        used.map(|(id, (_, now))| since(&id, now)).sum::<u64>() as f64
    }

    /// Bytes handed to the kernel since the start.
    pub(crate) fn written(&self) -> u64 {
        written() - self.written
    }
}

fn threads() -> HashMap<String, (String, u64)> {
    let folders = std::fs::read_dir("/proc/self/task").expect("a Linux /proc");
    let thread = |folder: std::fs::DirEntry| {
        let name = std::fs::read_to_string(folder.path().join("comm")).ok()?;
        let schedstat = std::fs::read_to_string(folder.path().join("schedstat")).ok()?;
        let used = schedstat.split_whitespace().next()?.parse().ok()?;
        Some((folder.file_name().into_string().ok()?, (name.trim().to_owned(), used)))
    };
    folders.filter_map(Result::ok).filter_map(thread).collect()
}

fn written() -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").expect("a Linux /proc");
    let bytes = text.lines().find_map(|line| line.strip_prefix("wchar: ")).and_then(|bytes| bytes.parse().ok());
    bytes.expect("wchar in /proc/self/io")
}
