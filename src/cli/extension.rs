//! `max extension`: packs the EspoCRM extension.

use std::path::PathBuf;

use super::say::say;

/// Where to.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The archive to write.
    #[arg(long, value_name = "FILE", default_value = "max.zip")]
    pub out: PathBuf,
}

/// Packs, and says what to do with it.
///
/// # Errors
/// When the file cannot be written.
pub fn run(args: &Args) -> anyhow::Result<()> {
    crate::espo::extension::pack(&args.out)?;
    let file = args.out.display();
    Ok(say(format_args!(
        "{file} is written. Install it in EspoCRM: Administration > Extensions > upload, then Install.\n\
         On the server instead: php command.php extension --file={file}"
    ))?)
}
