//! Embeds the built console: writes a table of its files for `src/console.rs`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hash::Hasher as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let dist = manifest.join("console/dist");
    // Cargo runs the script at every build while a watched folder is missing, so there is an (ignored) empty one.
    if let Err(error) = fs::create_dir_all(&dist) {
        println!("cargo::warning=cannot make {}: {error}", dist.display());
    }
    println!("cargo::rerun-if-changed={}", dist.display());
    println!("cargo::rerun-if-changed=build.rs");

    let mut files = BTreeMap::new();
    collect(&dist, "", &mut files)?;
    let table = if files.contains_key("index.html") { table_of(&files)? } else { String::from("&[]") };
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("console_assets.rs"), table)
}

/// Every file below `folder`, by its path with slashes.
fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, PathBuf>) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{path}/"), files)?;
        } else {
            files.insert(path, entry.path());
        }
    }
    Ok(())
}

fn table_of(files: &BTreeMap<String, PathBuf>) -> io::Result<String> {
    let mut text = String::from("&[\n");
    let own = files.iter().filter(|(path, _)| !path.ends_with(".br") && !path.ends_with(".gz"));
    for (path, file) in own {
        let include = |file: &PathBuf| format!("include_bytes!({:?})", file.display().to_string());
        let variant = |ending: &str| match files.get(&format!("{path}.{ending}")) {
            Some(file) => format!("Some({})", include(file)),
            None => String::from("None"),
        };
        let written = writeln!(
            text,
            "Asset {{ path: {path:?}, content_type: {:?}, hash: \"{}\", body: {}, br: {}, gz: {} }},",
            content_type(path),
            hash_of(&fs::read(file)?),
            include(file),
            variant("br"),
            variant("gz"),
        );
        written.map_err(io::Error::other)?;
    }
    text.push(']');
    Ok(text)
}

/// 64-bit hash (`SipHash` with fixed keys) and length, which tell two builds of a file apart.
fn hash_of(body: &[u8]) -> String {
    #[allow(deprecated, reason = "the one hasher of the standard library with fixed keys")]
    let mut hasher = std::hash::SipHasher::new();
    hasher.write(body);
    format!("{:016x}-{:x}", hasher.finish(), body.len())
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        "wav" => "audio/wav",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        _ => "application/octet-stream",
    }
}
