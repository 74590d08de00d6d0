//! The experiments: one file each, one row here.

pub mod hcs;
pub mod linux;
pub mod price;
pub mod uer;
pub mod vei;

use super::experiment::Experiment;
use crate::images;

/// All experiments, in the order of `lab all`.
pub static ALL: &[&Experiment] = &[&uer::UER, &vei::VEI, &hcs::HCS, &linux::LINUX, &price::PRICE];

/// The experiment of this name.
pub fn find(name: &str) -> Option<&'static Experiment> {
    ALL.iter().copied().find(|experiment| experiment.name == name)
}

/// The classic mechanism of an experiment.
pub fn classic(name: &str) -> Option<&'static str> {
    find(name)?.classic.map(|mechanism| mechanism.name)
}

/// Images that the experiment needs and this build doesn't have.
pub fn missing_images(experiment: &Experiment) -> Vec<&'static str> {
    experiment.images.iter().copied().filter(|image| images::find(image).is_none()).collect()
}
