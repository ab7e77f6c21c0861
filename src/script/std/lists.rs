//! Lists and maps: what large data goes through instead of a loop.

use rhai::{
    Array, Dynamic, EvalAltResult, FnPtr, FuncRegistration, INT, ImmutableString, Map, Module, NativeCallContext,
};

use crate::error::{Error, Kind, Result};
use crate::script::diagnostic::raise;
use crate::script::operators::{equal, order};
use crate::script::value::{display, type_name};

type RhaiResult<T> = std::result::Result<T, Box<EvalAltResult>>;

pub(super) fn add(module: &mut Module) {
    // `m.get("k", fallback)` is how to ask for a key that may be missing; `m.k` raises.
    FuncRegistration::new("get")
        .in_global_namespace()
        .set_into_module(module, |map: &mut Map, key: ImmutableString| -> Dynamic {
            map.get(key.as_str()).cloned().unwrap_or_default()
        });
    FuncRegistration::new("get").in_global_namespace().set_into_module(
        module,
        |map: &mut Map, key: ImmutableString, fallback: Dynamic| -> Dynamic {
            map.get(key.as_str()).cloned().unwrap_or(fallback)
        },
    );
    FuncRegistration::new("sorted_by")
        .in_global_namespace()
        .set_into_module(module, |ctx: NativeCallContext, list: &mut Array, key: FnPtr| -> RhaiResult<Array> {
            sorted_by(&ctx, list, &key)
        });
    FuncRegistration::new("top_by").in_global_namespace().set_into_module(
        module,
        |ctx: NativeCallContext, list: &mut Array, n: INT, key: FnPtr| -> RhaiResult<Array> {
            let mut sorted = sorted_by(&ctx, list, &key)?;
            sorted.reverse();
            sorted.truncate(usize::try_from(n).unwrap_or(0));
            Ok(sorted)
        },
    );
    FuncRegistration::new("unique").in_global_namespace().set_into_module(module, |list: &mut Array| -> Array {
        let mut seen: Array = Vec::new();
        let mut texts = std::collections::HashSet::new();
        for item in list.iter() {
            let fresh = match item.read_lock::<ImmutableString>() {
                // Texts are the common case, and by far the longest lists.
                Some(text) => texts.insert(text.clone()),
                None => !seen.iter().any(|other| equal(other, item)),
            };
            if fresh {
                seen.push(item.clone());
            }
        }
        seen
    });
    FuncRegistration::new("group_by").in_global_namespace().set_into_module(
        module,
        |ctx: NativeCallContext, list: &mut Array, key: FnPtr| -> RhaiResult<Map> {
            let mut groups: Map = Map::new();
            for (name, item) in keyed(&ctx, list, &key)? {
                let group = groups.entry(name).or_insert_with(|| Array::new().into());
                if let Some(mut group) = group.write_lock::<Array>() {
                    group.push(item);
                }
            }
            Ok(groups)
        },
    );
    FuncRegistration::new("count_by").in_global_namespace().set_into_module(
        module,
        |ctx: NativeCallContext, list: &mut Array, key: FnPtr| -> RhaiResult<Map> {
            let mut counts: Map = Map::new();
            for (name, _) in keyed(&ctx, list, &key)? {
                let count = counts.entry(name).or_insert(0i64.into());
                *count = (count.as_int().unwrap_or(0) + 1).into();
            }
            Ok(counts)
        },
    );
    FuncRegistration::new("sum").in_global_namespace().set_into_module(
        module,
        |ctx: NativeCallContext, list: &mut Array| -> RhaiResult<Dynamic> {
            sum(list.iter()).map_err(|error| raise(Some(&ctx), error))
        },
    );
    FuncRegistration::new("sum_by").in_global_namespace().set_into_module(
        module,
        |ctx: NativeCallContext, list: &mut Array, key: FnPtr| -> RhaiResult<Dynamic> {
            let values =
                list.iter().map(|item| key.call_raw(&ctx, None, [item.clone()])).collect::<RhaiResult<Array>>()?;
            sum(values.iter()).map_err(|error| raise(Some(&ctx), error))
        },
    );
    FuncRegistration::new("join").in_global_namespace().set_into_module(
        module,
        |list: &mut Array, between: ImmutableString| -> String {
            list.iter().map(|item| display(item, chrono_tz::Tz::UTC)).collect::<Vec<_>>().join(&between)
        },
    );
}

fn keyed(ctx: &NativeCallContext, list: &Array, key: &FnPtr) -> RhaiResult<Vec<(rhai::Identifier, Dynamic)>> {
    list.iter()
        .map(|item| {
            let key = key.call_raw(ctx, None, [item.clone()])?;
            Ok((display(&key, chrono_tz::Tz::UTC).into(), item.clone()))
        })
        .collect()
}

fn sorted_by(ctx: &NativeCallContext, list: &Array, key: &FnPtr) -> RhaiResult<Array> {
    let mut keyed = list
        .iter()
        .map(|item| Ok((key.call_raw(ctx, None, [item.clone()])?, item.clone())))
        .collect::<RhaiResult<Vec<_>>>()?;
    let mut mixed = None;
    keyed.sort_by(|(a, _), (b, _)| {
        order(a, b).unwrap_or_else(|| {
            mixed.get_or_insert((type_name(a), type_name(b)));
            std::cmp::Ordering::Equal
        })
    });
    match mixed {
        None => Ok(keyed.into_iter().map(|(_, item)| item).collect()),
        Some((a, b)) => Err(raise(Some(ctx), Error::new(Kind::Type, format!("the keys have no order: {a} and {b}")))),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a sum with a float in it is a float")]
fn sum<'a>(values: impl Iterator<Item = &'a Dynamic>) -> Result<Dynamic> {
    let (mut whole, mut real, mut float) = (0i64, 0.0, false);
    for value in values {
        if let Ok(int) = value.as_int() {
            whole = whole.checked_add(int).ok_or_else(|| Error::new(Kind::Type, "the sum is too large for an int"))?;
        } else if let Ok(number) = value.as_float() {
            real += number;
            float = true;
        } else {
            return Err(Error::new(Kind::Type, format!("only numbers have a sum, not {}", type_name(value))));
        }
    }
    Ok(if float { (whole as f64 + real).into() } else { whole.into() })
}
