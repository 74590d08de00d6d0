//! The device tree's nodes of interrupt controllers: what their rows in the address map don't say. Properties are those of Linux's bindings
//! `riscv,aplic` and `riscv,imsics`, and of QEMU's `virt`.

use rv_devices::{aplic, imsic, plic};
use vm_fdt::{Error, FdtWriter};

use super::tree::Tree;
use crate::interrupts::Aia;
use crate::map::{Part, Row};

const PLIC_PHANDLE: u32 = 0x1000;
const APLIC_MACHINE_PHANDLE: u32 = 0x1002;
const APLIC_SUPERVISOR_PHANDLE: u32 = 0x1003;
const IMSIC_MACHINE_PHANDLE: u32 = 0x1004;
const IMSIC_SUPERVISOR_PHANDLE: u32 = 0x1005;
/// External interrupts at a hart.
const M_EXTERNAL: u32 = 11;
const S_EXTERNAL: u32 = 9;
/// An interrupt of an APLIC: level-sensitive, active high.
const LEVEL_HIGH: u32 = 4;

impl Tree {
    /// The properties of a controller's node.
    pub(super) fn write_controller(&self, fdt: &mut FdtWriter, part: Part) -> Result<(), Error> {
        match part {
            Part::AplicMachine => {
                self.write_domain(fdt, APLIC_MACHINE_PHANDLE, M_EXTERNAL, IMSIC_MACHINE_PHANDLE)?;
                if self.aia == Aia::Aplic {
                    // Linux would take the root domain for its own, and all sources with it, where firmware doesn't hide the node. Firmware
                    // has no need of it: after reset all sources are delegated.
                    fdt.property_string("status", "disabled")?;
                }
                fdt.property_u32("riscv,children", APLIC_SUPERVISOR_PHANDLE)?;
                fdt.property_array_u32("riscv,delegation", &[APLIC_SUPERVISOR_PHANDLE, 1, aplic::SOURCES])
            }
            Part::AplicSupervisor => {
                self.write_domain(fdt, APLIC_SUPERVISOR_PHANDLE, S_EXTERNAL, IMSIC_SUPERVISOR_PHANDLE)
            }
            Part::ImsicMachine => self.write_files(fdt, IMSIC_MACHINE_PHANDLE, M_EXTERNAL, 0),
            Part::ImsicSupervisor => {
                let guests = if let Aia::AplicImsic { guests } = self.aia { guests } else { 0 };
                self.write_files(fdt, IMSIC_SUPERVISOR_PHANDLE, S_EXTERNAL, imsic::guest_index_bits(guests))
            }
            _ => {
                fdt.property_u32("#interrupt-cells", 1)?;
                fdt.property_u32("#address-cells", 0)?;
                fdt.property_null("interrupt-controller")?;
                fdt.property_array_u32("interrupts-extended", &self.lines(&[M_EXTERNAL, S_EXTERNAL]))?;
                fdt.property_u32("riscv,ndev", plic::SOURCES)?;
                fdt.property_phandle(PLIC_PHANDLE)
            }
        }
    }

    fn write_domain(&self, fdt: &mut FdtWriter, phandle: u32, external: u32, imsics: u32) -> Result<(), Error> {
        fdt.property_u32("#interrupt-cells", 2)?;
        fdt.property_u32("#address-cells", 0)?;
        fdt.property_null("interrupt-controller")?;
        match self.aia {
            Aia::AplicImsic { .. } => fdt.property_u32("msi-parent", imsics)?,
            _ => fdt.property_array_u32("interrupts-extended", &self.lines(&[external]))?,
        }
        fdt.property_u32("riscv,num-sources", aplic::SOURCES)?;
        fdt.property_phandle(phandle)
    }

    fn write_files(&self, fdt: &mut FdtWriter, phandle: u32, external: u32, guest_bits: u32) -> Result<(), Error> {
        fdt.property_u32("#interrupt-cells", 0)?;
        fdt.property_u32("#address-cells", 0)?;
        fdt.property_null("interrupt-controller")?;
        fdt.property_null("msi-controller")?;
        fdt.property_u32("#msi-cells", 0)?;
        fdt.property_array_u32("interrupts-extended", &self.lines(&[external]))?;
        fdt.property_u32("riscv,num-ids", imsic::IDENTITIES)?;
        if guest_bits > 0 {
            fdt.property_u32("riscv,guest-index-bits", guest_bits)?;
        }
        fdt.property_phandle(phandle)
    }

    /// The interrupt of a device.
    pub(super) fn write_interrupt(&self, fdt: &mut FdtWriter, row: &Row) -> Result<(), Error> {
        let source = row.irq.unwrap_or(0);
        match self.aia {
            Aia::None => {
                fdt.property_u32("interrupts", source)?;
                fdt.property_u32("interrupt-parent", PLIC_PHANDLE)
            }
            Aia::Aplic | Aia::AplicImsic { .. } => {
                fdt.property_array_u32("interrupts", &[source, LEVEL_HIGH])?;
                fdt.property_u32("interrupt-parent", APLIC_SUPERVISOR_PHANDLE)
            }
        }
    }
}
