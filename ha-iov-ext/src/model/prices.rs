//! What the extension's events cost: rows of a cost model (manual 13; `costs/`).

use rv_machine::CostModel;
use rv_machine::cost::CostError;
use serde::{Deserialize, Serialize};

const DEFAULT: &str = include_str!("../../costs/default.toml");
const FLAT: &str = include_str!("../../costs/flat.toml");

/// The built-in model `name` with the extension's rows.
///
/// # Errors
/// If there is no such model.
pub fn cost_model(name: &str) -> Result<CostModel, CostError> {
    complete(CostModel::built_in(name)?)
}

/// `model` with the extension's rows: free ones for `flat`, else those of `default`. Rows that it has already stay.
///
/// # Errors
/// If the model has more rows than it can use.
pub fn complete(mut model: CostModel) -> Result<CostModel, CostError> {
    let (file, text) = if model.name() == "flat" { ("flat.toml", FLAT) } else { ("default.toml", DEFAULT) };
    model.add_extension_rows(file, text)?;
    Ok(model)
}

macro_rules! prices {
    ($($(#[$doc:meta])* $row:ident,)*) => {
        /// Cycles of the extension's events; a row of the cost model each.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct Prices {
            $($(#[$doc])* pub $row: u32,)*
        }

        impl Prices {
            /// Those of a cost model. Rows that it lacks are free.
            pub fn of(model: &CostModel) -> Prices {
                Prices { $($row: model.extension(stringify!($row)).unwrap_or(0),)* }
            }

            /// Names of the rows.
            pub const ROWS: &[&str] = &[$(stringify!($row)),*];
        }
    };
}

prices! {
    /// A send, beside the CSR write and the lookup.
    vei_send,
    /// A lookup in the map cache that finds something.
    vei_map_hit,
    /// A lookup in memory.
    vei_map_miss,
    /// Looking at a context before posting to it.
    vei_post,
    /// A claim from a context.
    vei_claim,
    /// A fence of the map cache.
    vei_fence,
    /// Reading a context into the slot, if the hart waits for it.
    uct_fetch,
    /// The swap at an entry by HCS, beside a trap's entry.
    hcs_swap,
    /// The swap at the return, beside a trap's return.
    hcs_return,
    /// Banking the integer registers, each way.
    hcs_bank,
}
