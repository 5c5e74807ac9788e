//! The two formats: where their packages are, and the commands of their own tools.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::host::{Host, Ran, Side};

/// Where a box has the packages.
const DELIVERED: &str = "/root/packages";

/// A kind of package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// By rpm, as on RHEL. This machine's dependencies are Debian's, so rpm is not to look for them.
    Rpm,
    /// By dpkg.
    Deb,
}

impl Format {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Rpm, Self::Deb];

    /// What tells the box of one from the other's.
    pub(crate) fn letter(self) -> char {
        match self {
            Self::Rpm => 'r',
            Self::Deb => 'd',
        }
    }

    /// The file of the package `name` in `release`.
    ///
    /// # Errors
    ///
    /// Fails where there is not exactly one.
    pub(crate) fn file(self, name: &str, release: u32) -> Result<PathBuf> {
        let version = env!("CARGO_PKG_VERSION").replace('-', "~");
        let start = match self {
            Self::Rpm => format!("{name}-{version}-{release}."),
            Self::Deb => format!("{name}_{version}-{release}_"),
        };
        let mut files = packages()?;
        files.retain(|path| path.extension() == Some(self.extension()));
        files.retain(|path| file_name(path).is_ok_and(|file| file.starts_with(&start)));
        ensure!(files.len() == 1, "packages {start}…: {files:?}");
        files.pop().context("one")
    }

    /// Copies all packages of this format into a box.
    pub(crate) fn deliver(self, host: &Host) -> Result<()> {
        let to = host.path(DELIVERED);
        fs::create_dir_all(&to)?;
        for path in packages()?.iter().filter(|path| path.extension() == Some(self.extension())) {
            fs::copy(path, to.join(file_name(path)?))?;
        }
        // What the machine itself may have is not a host's that has gaoler.
        host.sh("dpkg -P --force-depends fail2ban >/dev/null 2>&1 || true")?;
        Ok(())
    }

    /// Installs `name` in `release`, newly, over another or once more, as by a schedule: nobody is
    /// asked what is to become of configuration files.
    pub(crate) fn install(self, host: &Host, name: &str, release: u32) -> Result<()> {
        let file = self.file(name, release)?;
        let file = file_name(&file)?;
        host.sh(&match self {
            Self::Rpm => {
                format!("rpm --force-debian -U --nodeps --replacepkgs {DELIVERED}/{file} 2>&1")
            }
            Self::Deb => format!("dpkg --force-confold -i {DELIVERED}/{file} 2>&1"),
        })?;
        Ok(())
    }

    /// Makes a package of this name with a directory that only root may enter, and installs it;
    /// dependencies and conflicts are looked at.
    pub(crate) fn install_other(self, host: &Host, name: &str, directory: &str) -> Result<Ran> {
        let make = match self {
            Self::Rpm => "printf '%s\n' \
                 \"Name: $name\" 'Version: 1' 'Release: 1' 'Summary: Another' 'License: MIT' \
                 'BuildArch: noarch' %description Another %install \"mkdir -p %{buildroot}$directory\" \
                 %files \"%dir %attr(0700,root,root) $directory\" >$name.spec
             rpmbuild -bb --quiet --define \"_rpmdir $PWD\" --define '_rpmfilename other.rpm' $name.spec
             rpm --force-debian -U other.rpm",
            Self::Deb => "mkdir -p $name/DEBIAN $name$directory
             chmod 0700 $name$directory
             printf '%s\n' \"Package: $name\" 'Version: 1' 'Architecture: all' 'Description: Another' \
                 'Maintainer: Another <another@example.org>' >$name/DEBIAN/control
             dpkg-deb --root-owner-group --build $name other.deb >/dev/null
             dpkg -i other.deb",
        };
        let script = format!("cd $(mktemp -d); name={name} directory={directory}\n{make}");
        host.run(Side::Server, &["sh", "-ec", &script])
    }

    /// Removes a package; an edited configuration may stay.
    pub(crate) fn remove(self, host: &Host, name: &str) -> Result<()> {
        host.sh(&match self {
            Self::Rpm => format!("rpm --force-debian -e {name} 2>&1"),
            Self::Deb => format!("dpkg -r {name} 2>&1"),
        })?;
        Ok(())
    }

    /// Where an edited configuration is once the package has gone.
    pub(crate) fn kept_edit(self) -> &'static str {
        match self {
            Self::Rpm => "/etc/gaoler/gaoler.yaml.rpmsave",
            Self::Deb => "/etc/gaoler/gaoler.yaml",
        }
    }

    /// Takes away what a removal leaves: the edited configuration, the state.
    pub(crate) fn purge(self, host: &Host) -> Result<()> {
        host.sh(match self {
            Self::Rpm => "rm -rf /etc/gaoler /var/lib/gaoler",
            Self::Deb => "dpkg -P gaoler >/dev/null 2>&1",
        })?;
        Ok(())
    }

    fn extension(self) -> &'static std::ffi::OsStr {
        match self {
            Self::Rpm => "rpm",
            Self::Deb => "deb",
        }
        .as_ref()
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rpm => "rpm",
            Self::Deb => "deb",
        })
    }
}

fn file_name(path: &Path) -> Result<&str> {
    path.file_name().and_then(|name| name.to_str()).with_context(|| path.display().to_string())
}

/// All packages that were built.
pub(crate) fn packages() -> Result<Vec<PathBuf>> {
    let directory = std::env::var("GAOLER_PACKAGES").context("GAOLER_PACKAGES: `make packages`")?;
    let entries = fs::read_dir(&directory).with_context(|| directory.clone())?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}
