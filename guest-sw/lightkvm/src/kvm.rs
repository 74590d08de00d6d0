//! KVM's interface ("The Definitive KVM (Kernel-based Virtual Machine) API Documentation"; `linux/kvm.h` and RISC-V's `asm/kvm.h`).

use crate::sys::{self, Error, File, refuse};

/// Most vCPUs of a guest.
pub const VCPUS_MAX: usize = 16;

const API_VERSION: usize = 12;

const GET_API_VERSION: usize = io(0x00);
const CREATE_VM: usize = io(0x01);
const CHECK_EXTENSION: usize = io(0x03);
const GET_VCPU_MMAP_SIZE: usize = io(0x04);
const CREATE_VCPU: usize = io(0x41);
const SET_USER_MEMORY_REGION: usize = iow(0x46, size_of::<MemoryRegion>());
const IRQ_LINE: usize = iow(0x61, size_of::<IrqLevel>());
const RUN: usize = io(0x80);
const INTERRUPT: usize = iow(0x86, size_of::<u32>());
const GET_ONE_REG: usize = iow(0xab, size_of::<OneReg>());
const SET_ONE_REG: usize = iow(0xac, size_of::<OneReg>());
const CREATE_DEVICE: usize = iow(0xe0, size_of::<CreateDevice>()) | 2 << 30;
const SET_DEVICE_ATTR: usize = iow(0xe1, size_of::<DeviceAttr>());
const GET_DEVICE_ATTR: usize = iow(0xe2, size_of::<DeviceAttr>());

/// `_IO(KVMIO, number)`.
const fn io(number: usize) -> usize {
    0xae << 8 | number
}

/// `_IOW(KVMIO, number, size)`.
const fn iow(number: usize, size: usize) -> usize {
    1 << 30 | size << 16 | io(number)
}

#[repr(C)]
struct MemoryRegion {
    slot: u32,
    flags: u32,
    guest: u64,
    size: u64,
    host: u64,
}

#[repr(C)]
struct IrqLevel {
    irq: u32,
    level: u32,
}

#[repr(C)]
struct OneReg {
    id: u64,
    address: u64,
}

#[repr(C)]
struct CreateDevice {
    kind: u32,
    descriptor: u32,
    flags: u32,
}

#[repr(C)]
struct DeviceAttr {
    flags: u32,
    group: u32,
    attribute: u64,
    address: u64,
}

/// `KVM_CAP_IRQCHIP`: the kernel has an interrupt controller for guests.
pub const CAP_IRQCHIP: usize = 0;

/// `KVM_INTERRUPT_SET` and `KVM_INTERRUPT_UNSET`.
const INTERRUPT_SET: u32 = -1_i32 as u32;
const INTERRUPT_UNSET: u32 = -2_i32 as u32;

/// Registers of a vCPU (`KVM_GET_ONE_REG`, "RISC-V registers"), all of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register(u64);

impl Register {
    const RISCV_U64: u64 = 0x8000_0000_0000_0000 | 3 << 52;
    /// Bytes of a Zicbom block.
    pub const ZICBOM_BLOCK: Register = Register::new(1, 1);
    /// Bytes of a Zicboz block.
    pub const ZICBOZ_BLOCK: Register = Register::new(1, 5);
    /// The widest mode of `satp`.
    pub const SATP_MODE: Register = Register::new(1, 6);
    /// The program counter.
    pub const PC: Register = Register::new(2, 0);
    /// a0.
    pub const A0: Register = Register::new(2, 10);
    /// a1.
    pub const A1: Register = Register::new(2, 11);
    /// Ticks of `time` in a second.
    pub const TIMER_FREQUENCY: Register = Register::new(4, 0);

    const fn new(kind: u64, index: u64) -> Register {
        Register(Self::RISCV_U64 | kind << 24 | index)
    }

    /// Whether the guest has the ISA extension that KVM numbers so (`enum KVM_RISCV_ISA_EXT_ID`).
    pub const fn isa_extension(number: u64) -> Register {
        Register::new(7, number)
    }

    /// Whether the guest has the SBI extension that KVM numbers so (`enum KVM_RISCV_SBI_EXT_ID`).
    pub const fn sbi_extension(number: u64) -> Register {
        Register::new(8, number)
    }
}

/// The kernel's KVM.
#[derive(Clone, Copy, Debug)]
pub struct Kvm(File);

impl Kvm {
    /// Opens it, and makes sure that it is the one that everybody knows.
    pub fn open() -> Result<Kvm, Error> {
        let file = File::open(c"/dev/kvm", sys::O_RDWR, "opening /dev/kvm")?;
        if file.control(GET_API_VERSION, 0, "KVM_GET_API_VERSION")? != API_VERSION {
            return refuse("this KVM is not of API version 12");
        }
        Ok(Kvm(file))
    }

    /// A new virtual machine.
    pub fn create_vm(self) -> Result<Vm, Error> {
        let vcpu_size = self.0.control(GET_VCPU_MMAP_SIZE, 0, "KVM_GET_VCPU_MMAP_SIZE")?;
        let file = self.0.control(CREATE_VM, 0, "KVM_CREATE_VM")?;
        Ok(Vm { file: File::from_raw(file as i32), vcpu_size })
    }
}

/// A virtual machine.
#[derive(Clone, Copy, Debug)]
pub struct Vm {
    file: File,
    vcpu_size: usize,
}

impl Vm {
    /// Whether the kernel can do what the capability says for this machine.
    pub fn has(self, capability: usize) -> bool {
        self.file.control(CHECK_EXTENSION, capability, "KVM_CHECK_EXTENSION").is_ok_and(|value| value > 0)
    }

    /// Puts `size` bytes of this program's memory at `host` to the guest's address `guest`.
    ///
    /// # Safety
    /// The memory must be mapped as long as the program runs, and from now on be read and written as memory that others change.
    pub unsafe fn set_memory(self, guest: u64, host: *mut u8, size: usize) -> Result<(), Error> {
        let mut region = MemoryRegion { slot: 0, flags: 0, guest, size: size as u64, host: host as u64 };
        // SAFETY: the structure is the request's, and the caller vouches for the memory.
        unsafe { self.file.control_with(SET_USER_MEMORY_REGION, &mut region, "KVM_SET_USER_MEMORY_REGION") }?;
        Ok(())
    }

    /// The machine's next vCPU; `id` is its hart's.
    pub fn create_vcpu(self, id: usize) -> Result<Vcpu, Error> {
        let file = File::from_raw(self.file.control(CREATE_VCPU, id, "KVM_CREATE_VCPU")? as i32);
        let run = file.map_shared(self.vcpu_size, "mapping a vCPU")?;
        Ok(Vcpu { file, run: Run(run) })
    }

    /// Sets the level of a line of the kernel's interrupt controller.
    pub fn set_line(self, irq: u32, up: bool) {
        let mut line = IrqLevel { irq, level: up.into() };
        // SAFETY: the structure is the request's. It fails only for lines that the controller doesn't have.
        let set = unsafe { self.file.control_with(IRQ_LINE, &mut line, "KVM_IRQ_LINE") };
        debug_assert!(set.is_ok(), "the line is one of the controller's");
    }

    /// Makes a device inside of the kernel.
    pub fn create_device(self, kind: u32) -> Result<Device, Error> {
        let mut device = CreateDevice { kind, descriptor: 0, flags: 0 };
        // SAFETY: the structure is the request's.
        unsafe { self.file.control_with(CREATE_DEVICE, &mut device, "KVM_CREATE_DEVICE") }?;
        Ok(Device(File::from_raw(device.descriptor as i32)))
    }
}

/// A device inside of the kernel.
#[derive(Clone, Copy, Debug)]
pub struct Device(File);

impl Device {
    /// Reads an attribute whose value is a `T`.
    ///
    /// # Safety
    /// `T` must be the attribute's type.
    pub unsafe fn get<T: Default>(self, group: u32, attribute: u64, what: &'static str) -> Result<T, Error> {
        let mut value = T::default();
        let mut request = DeviceAttr { flags: 0, group, attribute, address: &raw mut value as u64 };
        // SAFETY: the structure is the request's, and the caller vouches for the value.
        unsafe { self.0.control_with(GET_DEVICE_ATTR, &mut request, what) }?;
        Ok(value)
    }

    /// Writes an attribute whose value is a `T`.
    ///
    /// # Safety
    /// `T` must be the attribute's type.
    pub unsafe fn set<T>(self, group: u32, attribute: u64, mut value: T, what: &'static str) -> Result<(), Error> {
        let mut request = DeviceAttr { flags: 0, group, attribute, address: &raw mut value as u64 };
        // SAFETY: the structure is the request's, and the caller vouches for the value.
        unsafe { self.0.control_with(SET_DEVICE_ATTR, &mut request, what) }?;
        Ok(())
    }
}

/// A vCPU.
#[derive(Clone, Copy, Debug)]
pub struct Vcpu {
    file: File,
    /// What it shares with the kernel.
    pub run: Run,
}

impl Vcpu {
    /// Runs the guest until something needs this program.
    pub fn run(self) -> Result<(), Error> {
        self.file.control(RUN, 0, "KVM_RUN").map(|_| ())
    }

    /// A register's value; an error if this KVM or this machine doesn't have it.
    pub fn get(self, register: Register) -> Result<u64, Error> {
        let mut value = 0_u64;
        let mut request = OneReg { id: register.0, address: &raw mut value as u64 };
        // SAFETY: the structure is the request's, and all our registers have 64 bits.
        unsafe { self.file.control_with(GET_ONE_REG, &mut request, "KVM_GET_ONE_REG") }?;
        Ok(value)
    }

    /// Sets a register.
    pub fn set(self, register: Register, mut value: u64) -> Result<(), Error> {
        let mut request = OneReg { id: register.0, address: &raw mut value as u64 };
        // SAFETY: as in `get`.
        unsafe { self.file.control_with(SET_ONE_REG, &mut request, "KVM_SET_ONE_REG") }?;
        Ok(())
    }

    /// Raises or lowers the guest's external interrupt. Any thread may.
    pub fn set_interrupt(self, up: bool) {
        let mut irq = if up { INTERRUPT_SET } else { INTERRUPT_UNSET };
        // SAFETY: the request takes this number by its address.
        let set = unsafe { self.file.control_with(INTERRUPT, &mut irq, "KVM_INTERRUPT") };
        debug_assert!(set.is_ok(), "both numbers are defined");
    }
}

/// Why the guest came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It touched an address where no memory is.
    Mmio {
        /// The guest-physical address.
        address: u64,
        /// Bytes, 1, 2, 4 or 8.
        size: usize,
        /// What it writes; `None` if it reads.
        write: Option<u64>,
    },
    /// It called its firmware for something that the kernel leaves to us.
    Sbi {
        /// The extension.
        extension: u64,
        /// The function.
        function: u64,
        /// a0 to a2.
        arguments: [u64; 3],
    },
    /// It ends: power off, reset, crash (`KVM_SYSTEM_EVENT_*`).
    System(u32),
    /// A signal has come, or there is no reason.
    Nothing,
    /// Anything else (`KVM_EXIT_*`).
    Other(u32),
}

/// `struct kvm_run`: what a vCPU shares with the kernel.
#[derive(Clone, Copy, Debug)]
pub struct Run(*mut u8);

/// Offsets in `struct kvm_run`.
mod run {
    pub const EXIT_REASON: usize = 8;
    pub const SYSTEM_EVENT: usize = 32;
    pub const MMIO_ADDRESS: usize = 32;
    pub const MMIO_DATA: usize = 40;
    pub const MMIO_SIZE: usize = 48;
    pub const MMIO_IS_WRITE: usize = 52;
    pub const SBI_EXTENSION: usize = 32;
    pub const SBI_FUNCTION: usize = 40;
    pub const SBI_ARGUMENTS: usize = 48;
    pub const SBI_RESULTS: usize = 96;
}

const EXIT_UNKNOWN: u32 = 0;
const EXIT_MMIO: u32 = 6;
const EXIT_INTR: u32 = 10;
const EXIT_SYSTEM_EVENT: u32 = 24;
const EXIT_RISCV_SBI: u32 = 35;

impl Run {
    fn read<T: Copy>(self, offset: usize) -> T {
        // SAFETY: all offsets lie in the first of the mapped pages and are aligned; the vCPU's thread is here and not in the kernel.
        unsafe { self.0.add(offset).cast::<T>().read_volatile() }
    }

    fn write(self, offset: usize, value: u64) {
        // SAFETY: as in `read`.
        unsafe { self.0.add(offset).cast::<u64>().write_volatile(value) }
    }

    /// Why the guest came out, after `Vcpu::run`.
    pub fn exit(self) -> Exit {
        match self.read(run::EXIT_REASON) {
            EXIT_MMIO => {
                let size = (self.read::<u32>(run::MMIO_SIZE) as usize).clamp(1, 8);
                let mask = u64::MAX >> (64 - 8 * size);
                let write = self.read::<u8>(run::MMIO_IS_WRITE) != 0;
                let data = self.read::<u64>(run::MMIO_DATA) & mask;
                Exit::Mmio { address: self.read(run::MMIO_ADDRESS), size, write: write.then_some(data) }
            }
            EXIT_RISCV_SBI => Exit::Sbi {
                extension: self.read(run::SBI_EXTENSION),
                function: self.read(run::SBI_FUNCTION),
                arguments: [0, 8, 16].map(|offset| self.read(run::SBI_ARGUMENTS + offset)),
            },
            EXIT_SYSTEM_EVENT => Exit::System(self.read(run::SYSTEM_EVENT)),
            EXIT_UNKNOWN | EXIT_INTR => Exit::Nothing,
            other => Exit::Other(other),
        }
    }

    /// What a read of a device's register gives, once the guest runs again.
    pub fn answer_mmio(self, value: u64) {
        self.write(run::MMIO_DATA, value);
    }

    /// What a call to firmware returns in a0 and a1, once the guest runs again.
    pub fn answer_sbi(self, error: i64, value: u64) {
        self.write(run::SBI_RESULTS, error as u64);
        self.write(run::SBI_RESULTS + 8, value);
    }
}

// SAFETY: a vCPU's memory is read and written by its own thread only; other threads only raise its interrupts, through the file.
unsafe impl Send for Run {}
// SAFETY: as above.
unsafe impl Sync for Run {}
