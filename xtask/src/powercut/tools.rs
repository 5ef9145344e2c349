//! The emulator, a kernel and a user land, unpacked below `target/`: nothing is installed and nothing is removed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{cmd, error::Result};

const EMULATOR: &str = "qemu-system-x86_64";
const EMULATOR_PACKAGE: &str = "qemu-system-x86";
const USER_LAND_PACKAGE: &str = "busybox-static";
/// Depends on the newest kernel made for virtual machines, whose disk is virtio.
const KERNEL_PACKAGE: &str = "linux-image-cloud-amd64";
const KERNEL_PREFIX: &str = "linux-image-";

/// Modules between a bare kernel and our disk and port, in the order in which they must be loaded.
const MODULES: [&str; 7] = [
    "drivers/virtio/virtio_ring",
    "drivers/virtio/virtio",
    "drivers/virtio/virtio_pci_legacy_dev",
    "drivers/virtio/virtio_pci_modern_dev",
    "drivers/virtio/virtio_pci",
    "drivers/block/virtio_blk",
    "drivers/char/virtio_console",
];

/// What a power cut needs beside the binary.
#[derive(Debug, Clone)]
pub struct Tools {
    root: PathBuf,
    /// The emulator of the machine, where it has one.
    installed: Option<PathBuf>,
}

impl Tools {
    /// Takes what an earlier call unpacked into `root`, else fetches it with apt.
    ///
    /// # Errors
    ///
    /// Why it cannot be had here: another architecture, no apt, no network.
    pub fn ensure(root: &Path) -> Result<Self> {
        if cfg!(not(target_arch = "x86_64")) {
            return Err("the guest is an x86-64 machine, this is none".into());
        }
        for (program, package) in [("mkfs.ext4", "e2fsprogs"), ("apt-get", "apt"), ("dpkg", "dpkg")] {
            cmd::find(program).ok_or_else(|| format!("{program} is missing ({package})"))?;
        }
        let tools = Self { root: root.to_path_buf(), installed: cmd::find(EMULATOR) };
        let complete = tools.root.join("complete");
        if !complete.exists() {
            tools.fetch()?;
            fs::write(complete, "")?;
        }
        Ok(tools)
    }

    /// The emulator, to be given its machine.
    pub fn emulator(&self) -> Command {
        if let Some(installed) = &self.installed {
            return cmd::program(installed);
        }
        let at = |path: &str| self.unpacked().join(path);
        let mut command = cmd::program(at("usr/bin").join(EMULATOR));
        let libraries = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"].map(|path| at(path).display().to_string());
        command.env("LD_LIBRARY_PATH", libraries.join(":"));
        for firmware in ["usr/share/qemu", "usr/share/seabios"] {
            command.arg("-L").arg(at(firmware));
        }
        command
    }

    /// The kernel.
    ///
    /// # Errors
    ///
    /// When the package had none.
    pub fn kernel(&self) -> Result<PathBuf> {
        let boot = self.unpacked().join("boot");
        entry(&boot, "vmlinuz-").ok_or_else(|| format!("no kernel in {}", boot.display()).into())
    }

    /// The user land, one static program.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn user_land(&self) -> Result<Vec<u8>> {
        // Where `bin` is merged into `usr/bin`, newer packages have it there.
        let places = ["bin/busybox", "usr/bin/busybox"].map(|path| self.unpacked().join(path));
        let place = places.iter().find(|path| path.exists()).ok_or("no busybox in its package")?;
        Ok(fs::read(place)?)
    }

    /// Modules with their names, in the order in which to load them; one that is part of the kernel is left out.
    ///
    /// # Errors
    ///
    /// When one cannot be read.
    pub fn modules(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let modules = ["lib/modules", "usr/lib/modules"].map(|path| self.unpacked().join(path));
        let version = modules
            .iter()
            .find_map(|path| entry(path, ""))
            .ok_or("no modules in the kernel's package")?;
        let mut loaded = Vec::new();
        for module in MODULES {
            let name = module.rsplit('/').next().unwrap_or(module).to_owned();
            let plain = version.join("kernel").join(format!("{module}.ko"));
            let packed = plain.with_extension("ko.xz");
            if plain.exists() {
                loaded.push((name, fs::read(plain)?));
            } else if packed.exists() {
                loaded.push((name, unpack_module(&packed)?));
            }
        }
        Ok(loaded)
    }

    fn unpacked(&self) -> PathBuf {
        self.root.join("root")
    }

    fn fetch(&self) -> Result {
        let packages = self.root.join("packages");
        fs::create_dir_all(packages.join("partial"))?;
        fs::create_dir_all(self.unpacked())?;
        let kernel = match kernel_package() {
            Ok(kernel) => kernel,
            Err(_) => {
                cmd::run(cmd::program("apt-get").args(["update", "-q"]))?;
                kernel_package()?
            }
        };
        // These two stand alone: of what their packages depend on, nothing is needed here.
        let mut download = cmd::program("apt-get");
        cmd::run(download.current_dir(&packages).args(["download", "-q", USER_LAND_PACKAGE, &kernel]))?;
        if self.installed.is_none() {
            let archives = format!("Dir::Cache::archives={}", packages.display());
            let mut download = cmd::program("apt-get");
            download.args(["install", "-y", "-q", "--download-only", "--no-install-recommends"]);
            cmd::run(download.args(["-o", &archives, "-o", "Debug::NoLocking=1", EMULATOR_PACKAGE]))?;
        }
        for package in fs::read_dir(&packages)? {
            let package = package?.path();
            if package.extension().is_some_and(|extension| extension == "deb") {
                cmd::capture(cmd::program("dpkg").arg("-x").arg(&package).arg(self.unpacked()))?;
            }
        }
        Ok(fs::remove_dir_all(packages)?)
    }
}

/// The package that the name for the newest kernel stands for.
fn kernel_package() -> Result<String> {
    let said = cmd::capture(cmd::program("apt-cache").args(["depends", KERNEL_PACKAGE]))?;
    newest_kernel(&said).ok_or_else(|| format!("apt knows no kernel for {KERNEL_PACKAGE}").into())
}

fn newest_kernel(depends: &str) -> Option<String> {
    let on = depends.lines().find_map(|line| line.trim().strip_prefix("Depends: "))?;
    on.starts_with(KERNEL_PREFIX).then(|| on.to_owned())
}

fn unpack_module(path: &Path) -> Result<Vec<u8>> {
    let output = cmd::program("xz").arg("-dc").arg(path).output()?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(format!("xz does not unpack {}", path.display()).into())
    }
}

/// The first entry of `dir` whose name starts with `prefix`.
fn entry(dir: &Path, prefix: &str) -> Option<PathBuf> {
    let mut names: Vec<_> = fs::read_dir(dir).ok()?.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    names.sort();
    names
        .into_iter()
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_the_one_that_the_name_stands_for() {
        let said = "linux-image-cloud-amd64\n  Depends: linux-image-6.1.0-9-cloud-amd64\n  Suggests: more\n";
        assert_eq!(newest_kernel(said).as_deref(), Some("linux-image-6.1.0-9-cloud-amd64"));
        assert_eq!(newest_kernel("linux-image-cloud-amd64\n"), None);
        assert_eq!(newest_kernel(""), None);
    }
}
