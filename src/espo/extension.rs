//! The EspoCRM extension as one archive for Administration > Extensions, packed from the files embedded in this
//! program: the same program always packs the same bytes.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates/espocrm");

/// The name under which EspoCRM lists it.
pub const NAME: &str = "M.A.X.";
/// Where the CRM's metadata says which build is installed, see [`Build`].
pub const BUILD_KEY: &str = "app.maxExtension";
/// The first version of EspoCRM that takes it, and the first that no longer does; as in the manifest.
pub const ESPOCRM: [(u32, u32); 2] = [(9, 3), (11, 0)];

const METADATA: &str = "files/custom/Espo/Modules/Max/Resources/metadata";

/// Which extension this is: two of one version can differ while a version is in the making, or when files were
/// changed by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// As in the manifest.
    pub version: String,
    /// A digest of all its files.
    pub digest: String,
}

impl Build {
    /// The one in this program.
    pub fn ours() -> Self {
        let digest = sorted_files().iter().fold(Sha256::new(), |digest, (name, contents)| {
            digest.chain_update(name).chain_update([0]).chain_update(Sha256::digest(contents))
        });
        let digest = digest.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Self { version: env!("CARGO_PKG_VERSION").to_owned(), digest }
    }

    /// As the CRM's metadata has it; `None` when it has none, or one from before it said so.
    pub fn from_metadata(value: &Value) -> Option<Self> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        Some(Self { version: text("version")?, digest: text("build")? })
    }
}

impl std::fmt::Display for Build {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (build {})", self.version, self.digest)
    }
}

/// Whether the extension brings this entity type, and with rights of its own.
pub fn has_entity(entity: &str) -> bool {
    let scope = FILES.get_file(format!("{METADATA}/scopes/{entity}.json"));
    let scope: Option<Value> = scope.and_then(|file| serde_json::from_slice(file.contents()).ok());
    scope.is_some_and(|scope| scope.get("acl").is_some_and(|acl| *acl != json!(false)))
}

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
    let mut files = sorted_files();
    let Build { version, digest } = Build::ours();
    let mark = json!({"version": version, "build": digest}).to_string();
    files.push((format!("{METADATA}/app/maxExtension.json"), mark.as_bytes()));
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

fn sorted_files() -> Vec<(String, &'static [u8])> {
    let mut files = Vec::new();
    collect(&FILES, &mut files);
    files.sort_unstable();
    files
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
    fn the_archive_says_which_build_it_is() {
        let mut archive = zip::ZipArchive::new(Cursor::new(archive().unwrap())).unwrap();
        let mark: Value =
            serde_json::from_str(&read(&mut archive, &format!("{METADATA}/app/maxExtension.json"))).unwrap();
        assert_eq!(Build::from_metadata(&mark), Some(Build::ours()));
        assert_eq!(Build::ours().digest.len(), 12);
        assert_eq!(Build::from_metadata(&Value::Null), None);
        assert!(has_entity("MaxAlert") && !has_entity("MaxNothing"));
    }

    #[test]
    fn the_versions_of_espocrm_are_those_of_the_manifest() {
        let manifest: Value = serde_json::from_slice(FILES.get_file("manifest.json").unwrap().contents()).unwrap();
        let [(major, minor), (end, 0)] = ESPOCRM else { panic!() };
        assert_eq!(manifest["acceptableVersions"], json!([format!(">={major}.{minor}.0 <{end}.0.0")]));
        assert_eq!(manifest["name"], NAME);
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
