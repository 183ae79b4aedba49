//! The EspoCRM extension as one archive for Administration > Extensions, packed from the files embedded in this
//! program: the same program always packs the same bytes.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates/espocrm");

/// Why the archive was not written.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// Packing failed.
    #[error("the extension cannot be packed")]
    Zip(#[from] zip::result::ZipError),
    /// The file cannot be written.
    #[error("{} cannot be written", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Writes the archive to `out`, replacing what is there. In a directory it is named after the extension and its
/// version. Answers where it was written.
pub fn pack(out: &Path) -> Result<PathBuf, PackError> {
    let path = if out.is_dir() { out.join(file_name()) } else { out.to_owned() };
    std::fs::write(&path, archive()?).map_err(|source| PackError::Write { path: path.clone(), source })?;
    Ok(path)
}

/// The archive's usual name.
pub fn file_name() -> String {
    format!("max-espocrm-{}.zip", env!("CARGO_PKG_VERSION"))
}

/// The archive's bytes.
pub fn archive() -> Result<Vec<u8>, PackError> {
    let mut files: Vec<(String, &[u8])> = Vec::new();
    collect(&FILES, &mut files);
    files.sort_unstable();
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, contents) in files {
        zip.start_file(name, options)?;
        zip.write_all(contents).map_err(zip::result::ZipError::Io)?;
    }
    Ok(zip.finish()?.into_inner())
}

fn collect<'a>(dir: &'a Dir<'_>, files: &mut Vec<(String, &'a [u8])>) {
    for file in dir.files() {
        let parts: Vec<_> = file.path().components().map(|part| part.as_os_str().to_string_lossy()).collect();
        files.push((parts.join("/"), file.contents()));
    }
    dir.dirs().for_each(|dir| collect(dir, files));
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use serde_json::Value;

    use super::*;

    fn read(archive: &mut zip::ZipArchive<Cursor<Vec<u8>>>, name: &str) -> String {
        let mut text = String::new();
        archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn the_archive_is_what_espocrm_installs_and_always_the_same() {
        let bytes = archive().unwrap();
        assert_eq!(bytes, archive().unwrap());
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let manifest: Value = serde_json::from_str(&read(&mut archive, "manifest.json")).unwrap();
        assert_eq!(manifest["version"], env!("CARGO_PKG_VERSION"));
        let names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
        assert!(names.is_sorted() && names.iter().all(|name| !name.contains('\\') && !name.ends_with('/')));
        for name in names.iter().filter(|name| name.ends_with(".json")) {
            serde_json::from_str::<Value>(&read(&mut archive, name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }

    #[test]
    fn it_is_written_where_it_was_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = pack(dir.path()).unwrap();
        assert_eq!(path, dir.path().join(file_name()));
        assert_eq!(std::fs::read(&path).unwrap(), archive().unwrap());
        let named = dir.path().join("max.zip");
        assert_eq!(pack(&named).unwrap(), named);
        assert!(pack(&dir.path().join("missing/max.zip")).unwrap_err().to_string().contains("max.zip"));
    }
}
