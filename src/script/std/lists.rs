//! Lists and maps: what large data goes through instead of a loop.

use std::cmp::Ordering;

use rhai::{
    Array, Dynamic, EvalAltResult, FnPtr, FuncRegistration, INT, ImmutableString, Map, Module, NativeCallContext,
};

use crate::error::{Error, Kind, Result};
use crate::script::diagnostic::raise;
use crate::script::operators::{equal, order};
use crate::script::std::run_of;
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
    // Rhai's own know neither our types nor that 2 and 2.5 have an order, and swallow the errors of a comparer.
    for (name, descending) in [("sort", false), ("sort_desc", true)] {
        FuncRegistration::new(name).in_global_namespace().set_into_module(
            module,
            move |ctx: NativeCallContext, list: &mut Array| -> RhaiResult<()> {
                *list = sorted(list.clone(), &mut |a, b| {
                    let order = ordering(&ctx, a, b)?;
                    Ok(if descending { order.reverse() } else { order })
                })?;
                Ok(())
            },
        );
    }
    for name in ["sort", "sort_by"] {
        FuncRegistration::new(name).in_global_namespace().set_into_module(
            module,
            |ctx: NativeCallContext, list: &mut Array, comparer: FnPtr| -> RhaiResult<()> {
                *list = sorted(list.clone(), &mut |a, b| {
                    let answer = comparer.call_raw(&ctx, None, [a.clone(), b.clone()])?;
                    compared(&answer).map_err(|error| raise(Some(&ctx), error))
                })?;
                Ok(())
            },
        );
    }
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
    FuncRegistration::new("unique").in_global_namespace().set_into_module(
        module,
        |ctx: NativeCallContext, list: &mut Array| -> RhaiResult<Array> {
            let run = run_of(Some(&ctx)).map_err(|error| raise(Some(&ctx), error))?;
            let mut others: Array = Vec::new();
            let mut texts = std::collections::HashSet::new();
            let mut unique = Array::new();
            for item in list.iter() {
                // A long list takes long, and nothing else looks at the clock meanwhile.
                if let Some(error) = run.must_end() {
                    return Err(raise(Some(&ctx), error));
                }
                let fresh = match item.read_lock::<ImmutableString>() {
                    // Texts are the common case, and by far the longest lists.
                    Some(text) => texts.insert(text.clone()),
                    None if others.iter().any(|other| equal(other, item)) => false,
                    None => {
                        others.push(item.clone());
                        true
                    }
                };
                if fresh {
                    unique.push(item.clone());
                }
            }
            Ok(unique)
        },
    );
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
    let keyed = list
        .iter()
        .map(|item| Ok((key.call_raw(ctx, None, [item.clone()])?, item.clone())))
        .collect::<RhaiResult<Vec<_>>>()?;
    let sorted = sorted(keyed, &mut |(a, _), (b, _)| ordering(ctx, a, b))?;
    Ok(sorted.into_iter().map(|(_, item)| item).collect())
}

/// The order of two elements or keys.
fn ordering(ctx: &NativeCallContext, left: &Dynamic, right: &Dynamic) -> RhaiResult<Ordering> {
    order(left, right).ok_or_else(|| {
        let (left, right) = (type_name(left), type_name(right));
        let error = Error::new(Kind::Type, format!("{left} and {right} have no order to sort by"));
        raise(Some(ctx), error.hint("sort by what has one: `list.sorted_by(|x| x.uploaded)`"))
    })
}

/// What a comparer says: below zero or true, the first comes first.
fn compared(answer: &Dynamic) -> Result<Ordering> {
    if let Ok(first) = answer.as_bool() {
        return Ok(if first { Ordering::Less } else { Ordering::Greater });
    }
    let number = answer.as_float().ok().or_else(|| answer.as_int().ok().map(|int| f64::from(int.signum() as i8)));
    number.and_then(|number| number.partial_cmp(&0.0)).ok_or_else(|| {
        Error::new(Kind::Type, format!("the comparer gave {}, not a number or a bool", type_name(answer)))
            .hint("write `|a, b| a.uploaded - b.uploaded`, or `list.sorted_by(|x| x.uploaded)`")
    })
}

/// Sorts stably. A comparer may fail, and may contradict itself, which the standard library's sort refuses.
fn sorted<T>(mut items: Vec<T>, compare: &mut impl FnMut(&T, &T) -> RhaiResult<Ordering>) -> RhaiResult<Vec<T>> {
    let count = items.len();
    if count < 2 {
        return Ok(items);
    }
    let mut right = sorted(items.split_off(count / 2), compare)?.into_iter().peekable();
    let mut left = sorted(items, compare)?.into_iter().peekable();
    let mut merged = Vec::with_capacity(count);
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let next = if compare(b, a)?.is_lt() { &mut right } else { &mut left };
        merged.extend(next.next());
    }
    merged.extend(left);
    merged.extend(right);
    Ok(merged)
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
