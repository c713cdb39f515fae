//! `install_pkg`: Python packages that a guest asks for, where it may.

use super::{HostError, HostErrorKind, HostFunctions};
use crate::{
    Error, ErrorKind, Grants, Mount, MountMode,
    engine::Meter,
    packages::{Installation, Requirement, Temporary, Trouble},
};
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Where packages lie for the guest.
const GUEST: &str = "/packages";

/// Installations that one run may ask for: each is a process of the host's.
const MAX_INSTALLATIONS: usize = 32;

/// How long one may take in a run without a deadline.
const LONGEST: Duration = Duration::from_secs(600);

/// What a run may have installed, and where to.
pub(crate) struct Packages {
    /// None for any.
    allowed: Option<Vec<Requirement>>,
    folder: PathBuf,
    /// Around that folder, if it is the run's own.
    own: Option<Arc<Temporary>>,
    /// When the process is over.
    until: Option<Instant>,
    /// Knows how long the run still takes.
    meter: Arc<Meter>,
    /// How many installations there were. They take place one after another,
    /// since two could be of the same package.
    count: Arc<Mutex<usize>>,
}

#[derive(Deserialize)]
struct Asked {
    name: Option<String>,
    version: Option<String>,
}

#[derive(Serialize)]
struct Answered {
    success: bool,
    /// What was installed, as installers say it. More would tell of the host.
    output: String,
    /// Of the package that was asked for.
    version: Option<String>,
}

impl std::fmt::Debug for Packages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packages").finish_non_exhaustive()
    }
}

impl Packages {
    /// What `grants` allow, if they allow packages to be installed. The guest
    /// then has a folder of packages, also where none was named: it must be
    /// there when the guest starts. The process ends at `until`, and what it
    /// started for the run must have ended before.
    pub(crate) fn granted(
        grants: &mut Grants,
        until: Option<Instant>,
        meter: &Arc<Meter>,
    ) -> Result<Option<Arc<Self>>, Error> {
        let packages = grants.packages.clone();
        if !packages.install {
            if let Some(folder) = packages.folder {
                show(grants, folder);
            }
            return Ok(None);
        }
        let allowed = packages.allowed.iter().map(|text| {
            text.parse::<Requirement>().map_err(|wrong| {
                let message = format!(
                    "the allowed package {text:?} is none: {wrong}; expected a name, such as \
                     requests or requests>=2.32"
                );
                Error::new(ErrorKind::Grant, message)
            })
        });
        let allowed: Vec<Requirement> = allowed.collect::<Result<_, _>>()?;
        let failed = |what: &Path, error: std::io::Error| {
            let message = format!(
                "there is no folder for packages, {}: {error}",
                what.display()
            );
            Error::new(ErrorKind::Grant, message).with_source(error)
        };
        let (folder, own) = match packages.folder {
            Some(folder) => (folder, None),
            // It would hide where packages go.
            None if grants.mounts.iter().any(|mount| mount.guest == GUEST) => {
                let message = format!(
                    "{GUEST} is mounted, and packages that the guest installs would not be seen \
                     there: name their folder (--packages DIR) instead"
                );
                return Err(Error::new(ErrorKind::Grant, message));
            }
            None => {
                let own = Temporary::new(None).map_err(|error| failed(Path::new(""), error))?;
                (own.path().join("packages"), Some(Arc::new(own)))
            }
        };
        std::fs::create_dir_all(&folder).map_err(|error| failed(&folder, error))?;
        show(grants, folder.clone());
        Ok(Some(Arc::new(Self {
            allowed: (!allowed.is_empty()).then_some(allowed),
            folder,
            own,
            until,
            meter: Arc::clone(meter),
            count: Arc::default(),
        })))
    }

    /// The same for a copy of a session, whose time `meter` knows.
    pub(crate) fn copied(&self, meter: &Arc<Meter>) -> Arc<Self> {
        Arc::new(Self {
            allowed: self.allowed.clone(),
            folder: self.folder.clone(),
            own: self.own.clone(),
            until: self.until,
            meter: Arc::clone(meter),
            count: Arc::clone(&self.count),
        })
    }

    /// Adds the function to `functions`.
    pub(super) fn add_to(self: &Arc<Self>, functions: HostFunctions) -> HostFunctions {
        let packages = Arc::clone(self);
        functions.with("install_pkg", move |asked| packages.install(&asked))
    }

    fn install(&self, asked: &Asked) -> Result<Answered, HostError> {
        let asked = self.allowed(asked)?;
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        if *count == MAX_INSTALLATIONS {
            return Err(HostError::new(
                HostErrorKind::TooLarge,
                format!("no more than {MAX_INSTALLATIONS} packages can be installed in one run"),
            ));
        }
        *count += 1;
        let now = Instant::now();
        let left = self.meter.time_left().unwrap_or(LONGEST).min(LONGEST);
        let installed = Installation {
            folder: &self.folder,
            requirements: std::slice::from_ref(&asked),
            until: Some(self.until.map_or(now + left, |until| until.min(now + left))),
            says: Arc::new(|_| ()),
        }
        .run()
        .map_err(|trouble| refused(&trouble))?;
        let names: Vec<String> = installed
            .iter()
            .map(|package| format!("{}-{}", package.name, package.version))
            .collect();
        let mut installed = installed.into_iter();
        let package = installed.find(|package| package.is_called(&asked.name));
        Ok(Answered {
            success: true,
            version: package.map(|package| package.version),
            output: format!("Successfully installed {}", names.join(" ")),
        })
    }

    /// What is to be installed, in a version that is allowed.
    fn allowed(&self, asked: &Asked) -> Result<Requirement, HostError> {
        let invalid = |message: String| HostError::new(HostErrorKind::Invalid, message);
        let name = asked.name.as_deref().unwrap_or_default();
        if name.is_empty() {
            return Err(invalid("package name required".to_owned()));
        }
        let mut package: Requirement = name
            .parse()
            .and_then(|package: Requirement| match &asked.version {
                Some(version) => package.with_version(version),
                None => Ok(package),
            })
            .map_err(|wrong| invalid(wrong.to_string()))?;
        let Some(allowed) = &self.allowed else {
            return Ok(package);
        };
        let is_of_it = |rule: &&Requirement| rule.name == package.name;
        let rules: Vec<&Requirement> = allowed.iter().filter(is_of_it).collect();
        if rules.is_empty() {
            return Err(HostError::new(
                HostErrorKind::NotGranted,
                format!("package {:?} not allowed", package.name),
            ));
        }
        for rule in rules {
            package = package.within(rule);
        }
        Ok(package)
    }
}

/// What a guest is told of `trouble`: nothing that the installer says of the
/// host.
fn refused(trouble: &Trouble) -> HostError {
    let kind = match trouble {
        Trouble::TimedOut => HostErrorKind::Timeout,
        Trouble::TooLarge => HostErrorKind::TooLarge,
        Trouble::Failed(_) => return HostError::from("the host's installer failed"),
        _ => HostErrorKind::Failed,
    };
    HostError::new(kind, trouble.to_string())
}

/// Has the guest see `folder`, and Python look there: last, so that what the
/// user says comes first.
fn show(grants: &mut Grants, folder: PathBuf) {
    if grants.mounts.iter().any(|mount| mount.guest == GUEST) {
        return;
    }
    grants.mounts.push(Mount {
        guest: GUEST.to_owned(),
        host: folder,
        mode: MountMode::ReadOnly,
    });
    let path = grants.env.iter().rfind(|(name, _)| name == "PYTHONPATH");
    let path = match path {
        Some((_, path)) if !path.is_empty() => format!("{path}:{GUEST}"),
        _ => GUEST.to_owned(),
    };
    grants.env.push(("PYTHONPATH".to_owned(), path));
}
