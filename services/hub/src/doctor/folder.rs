//! The data folder: whose it is, who may read it, and whether its keys are there.

use super::{Checks, standing_place};
use crate::{config::folder, keys};
use rustix::fs::{Access, access};
use std::{io, os::unix::fs::PermissionsExt as _, path::Path};
use tributary_channels::standing::Finding;

/// Permission bits of group and others.
const OTHERS: u32 = 0o077;

/// Whether it is there and ours, and its keys.
pub(super) fn checks(dir: &Path, hub: &str) -> Checks {
    let shown = dir.display();
    let found = match dir.metadata() {
        Ok(found) if found.is_dir() => Some(found.permissions().mode() & 0o777),
        Ok(_) => {
            let problem =
                Finding::bad(format!("folder_io: {shown} is no folder"), "set another [hub] data_dir");
            return vec![("data folder".to_owned(), problem)];
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            let remedy = "run this as the hub's user, and let that user reach the folder";
            return vec![(
                "data folder".to_owned(),
                Finding::bad(format!("folder_io: {shown}: {error}"), remedy),
            )];
        }
    };
    let place = standing_place(dir);
    let is_writable = access(&place, Access::WRITE_OK | Access::EXEC_OK).is_ok();
    let Some(mode) = found else {
        let about = if is_writable {
            Finding::good(format!("{shown} is not there yet: the first start makes it, for its owner alone"))
        } else {
            let detail = format!("folder_io: {shown} is not there, and {} is not writable", place.display());
            Finding::bad(detail, "make the folder for the hub's user, with mode 0700")
        };
        return vec![("data folder".to_owned(), about)];
    };
    vec![
        ("data folder".to_owned(), of_folder(dir, hub, mode, is_writable)),
        ("keys".to_owned(), of_keys(dir)),
    ]
}

fn of_folder(dir: &Path, hub: &str, mode: u32, is_writable: bool) -> Finding {
    let shown = dir.display();
    if !is_writable {
        let detail = format!("folder_io: {shown} is not writable for this user");
        return Finding::bad(detail, "run this as the hub's user, and let that user write there");
    }
    let owner = match folder::owner(dir) {
        Ok(Some(owner)) if owner.name != hub => {
            let other = folder::FolderError::OtherHub { found: owner.name, wanted: hub.to_owned() };
            return Finding::bad(format!("{}: {other}", other.code()), other.remedy());
        }
        Ok(Some(owner)) => format!("of the hub \"{}\", format {}", owner.name, owner.format),
        Ok(None) => "of no hub yet".to_owned(),
        Err(error) => return Finding::bad(format!("{}: {error}", error.code()), error.remedy()),
    };
    if mode & OTHERS != 0 {
        let detail = format!("{shown} has mode {mode:04o}: others than its owner can look into it");
        return Finding::doubtful(detail, format!("chmod go= {shown}"));
    }
    Finding::good(format!("{shown}, {owner}, mode {mode:04o}"))
}

/// Looks at the key as a start would, but makes none.
fn of_keys(dir: &Path) -> Finding {
    match keys::index_key(dir, false) {
        Ok(_) => {
            Finding::good("the index key is there, for its owner alone; keep a copy apart from the data's")
        }
        Err(keys::KeyError::Missing { .. }) if matches!(folder::owner(dir), Ok(None)) => {
            Finding::good("none yet: the first start makes the index key")
        }
        Err(error) => Finding::bad(format!("{}: {error}", error.code()), error.remedy()),
    }
}
