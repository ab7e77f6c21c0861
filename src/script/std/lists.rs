//! Lists and maps: what large data goes through instead of a loop.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use rhai::{
    Array, Dynamic, EvalAltResult, FnPtr, FuncRegistration, INT, ImmutableString, Map, Module, NativeCallContext,
};

use crate::address::Ip;
use crate::error::{Error, Kind, Result};
use crate::script::diagnostic::raise;
use crate::script::operators::{equal, order};
use crate::script::std::function::{Function, functions};
use crate::script::std::{run_of, zone_of};
use crate::script::value::{display, type_name};
use crate::time::Duration;

type RhaiResult<T> = std::result::Result<T, Box<EvalAltResult>>;

pub(super) static ROWS: &[Function] = functions! {
    pure Anywhere Map.get(key: Text; fallback: Any) -> Any {
        "The value of a key that may be missing; then the fallback, or `()`. Reading `map.key` raises there.",
        "取可能不存在的键；不存在时为后备值或 `()`。直接写 `map.key` 则会报错。",
        "#{a: 1}.get(\"b\", 7)" => "7"
    }
    pure Anywhere Map.entries() -> [(map of key: Text, value: Any)] {
        "The keys with their values as a list, sorted by key: what `group_by` gives goes on from here.",
        "键与值组成的列表，按键排序；可接在 `group_by` 之后。",
        "[1, 2, 3].count_by(|x| x > 1).entries().top_by(1, \"value\")" => "[#{key: \"true\", value: 2}]"
    }
    pure Anywhere List.sort(; comparer: (fn 2)) -> Null {
        "Sorts the list itself. A comparer gives a number below zero, or true, where its first argument comes first.",
        "就地排序。比较函数返回负数或 true 表示第一个参数在前。",
        "let a = [3, 1, 2]; a.sort(); a" => "[1, 2, 3]"
    }
    pure Anywhere List.sort_desc() -> Null {
        "Sorts the list itself, the largest first.",
        "就地从大到小排序。",
        "let a = [3, 1, 2]; a.sort_desc(); a" => "[3, 2, 1]"
    }
    pure Anywhere List.sort_by(comparer: (fn 2)) -> Null {
        "Sorts the list itself by a comparer of two elements. To sort by a field, `sorted_by` is shorter.",
        "用比较函数就地排序。按字段排序时用 `sorted_by` 更短。",
        "let a = [3, 1, 2]; a.sort_by(|a, b| b - a); a" => "[3, 2, 1]"
    }
    pure Anywhere List.sorted_by(key: (Text | (fn 1))) -> Same {
        "A sorted copy, by a field or by what a closure gives, the smallest first.",
        "按字段或闭包的值排序后的副本，从小到大。",
        "[#{n: 2}, #{n: 1}].sorted_by(\"n\")" => "[#{n: 1}, #{n: 2}]"
    }
    pure Anywhere List.top_by(n: Int, key: (Text | (fn 1))) -> Same {
        "The `n` largest, by a field or by what a closure gives, the largest first.",
        "按字段或闭包的值取最大的 `n` 个，从大到小。",
        "[3, 9, 4].top_by(2, |x| x)" => "[9, 4]"
    }
    pure Anywhere List.unique(; key: (Text | (fn 1))) -> Same {
        "Each element once, or the first with each value of a field or closure, in the list's order.",
        "去除重复元素（或按字段、闭包的值去重），保持原有顺序。",
        "[1, 2, 1].unique()" => "[1, 2]"
    }
    pure Anywhere List.group_by(key: (Text | (fn 1))) -> {[Item]} {
        "The elements by the text of a field or of what a closure gives.",
        "按字段或闭包的值（转为文本）分组。",
        "[1, 2, 3].group_by(|x| if x > 1 { \"big\" } else { \"small\" })" => "#{big: [2, 3], small: [1]}"
    }
    pure Anywhere List.count_by(key: (Text | (fn 1))) -> {Int} {
        "How many elements there are for each value of a field or closure.",
        "按字段或闭包的值计数。",
        "[#{asn: 1}, #{asn: 2}, #{asn: 1}].count_by(\"asn\")" => "#{1: 2, 2: 1}"
    }
    pure Anywhere List.sum() -> Item {
        "The sum of numbers or durations; 0 of an empty list.",
        "数值或时长之和；空列表为 0。",
        "[1, 2, 3.5].sum()" => "6.5"
    }
    pure Anywhere List.sum_by(key: (Text | (fn 1))) -> Answer {
        "The sum of a field, or of what a closure gives.",
        "某字段或闭包值之和。",
        "[#{n: 1}, #{n: 2}].sum_by(\"n\")" => "3"
    }
    pure Anywhere List.max(; key: (Text | (fn 1))) -> (Item | Null) {
        "The largest element, or the one with the largest field; `()` of an empty list.",
        "最大的元素（或字段值最大的元素）；空列表为 `()`。",
        "[3, 9, 4].max()" => "9"
    }
    pure Anywhere List.min(; key: (Text | (fn 1))) -> (Item | Null) {
        "The smallest element, or the one with the smallest field; `()` of an empty list.",
        "最小的元素（或字段值最小的元素）；空列表为 `()`。",
        "[#{n: 2}, #{n: 1}].min(\"n\")" => "#{n: 1}"
    }
    pure Anywhere List.join(between: Text) -> Text {
        "The elements as one text.",
        "把元素连接成一个文本。",
        "[\"a\", 1].join(\", \")" => "a, 1"
    }
    pure Anywhere List.chunks(size: Int) -> [Same] {
        "The list cut into lists of at most `size` elements.",
        "切成每份至多 `size` 个元素的列表。",
        "[1, 2, 3].chunks(2)" => "[[1, 2], [3]]"
    }
    pure Anywhere List.take(n: Int) -> Same {
        "The first `n` elements, or all where there are fewer.", "前 `n` 个元素；不足时为全部。",
        "[1, 2, 3].take(2)" => "[1, 2]"
    }
};

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
    FuncRegistration::new("entries").in_global_namespace().set_into_module(module, |map: &mut Map| -> Array {
        let entry = |(key, value): (&rhai::Identifier, &Dynamic)| {
            Map::from([("key".into(), key.as_str().into()), ("value".into(), value.clone())]).into()
        };
        map.iter().map(entry).collect()
    });
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
    keyed(module, "sorted_by", |ctx, list, key| Ok(sorted_by(ctx, list, &key)?.into()));
    FuncRegistration::new("top_by").in_global_namespace().set_into_module(
        module,
        |ctx: NativeCallContext, list: &mut Array, n: INT, key: Dynamic| -> RhaiResult<Array> {
            let mut sorted = sorted_by(&ctx, list, &Key::new(&ctx, &key)?)?;
            sorted.reverse();
            sorted.truncate(usize::try_from(n).unwrap_or(0));
            Ok(sorted)
        },
    );
    keyed_or_not(module, "unique", |ctx, list, key| unique(ctx, list, &key).map(Into::into));
    keyed_or_not(module, "max", |ctx, list, key| extreme(ctx, list, &key, Ordering::Greater));
    keyed_or_not(module, "min", |ctx, list, key| extreme(ctx, list, &key, Ordering::Less));
    keyed(module, "group_by", |ctx, list, key| {
        let mut groups: HashMap<ImmutableString, Array> = HashMap::new();
        key.texts(ctx, list, |name, item| groups.entry(name).or_default().push(item.clone()))?;
        Ok(groups.into_iter().map(|(name, group)| (name.as_str().into(), group.into())).collect::<Map>().into())
    });
    keyed(module, "count_by", |ctx, list, key| {
        let mut counts: HashMap<ImmutableString, INT> = HashMap::new();
        key.texts(ctx, list, |name, _| *counts.entry(name).or_default() += 1)?;
        Ok(counts.into_iter().map(|(name, count)| (name.as_str().into(), count.into())).collect::<Map>().into())
    });
    FuncRegistration::new("sum").in_global_namespace().set_into_module(
        module,
        |ctx: NativeCallContext, list: &mut Array| -> RhaiResult<Dynamic> {
            sum(list.iter()).map_err(|error| raise(Some(&ctx), error))
        },
    );
    keyed(module, "sum_by", |ctx, list, key| {
        let values = list.iter().map(|item| key.of(ctx, item)).collect::<RhaiResult<Array>>()?;
        sum(values.iter()).map_err(|error| raise(Some(ctx), error))
    });
    FuncRegistration::new("join").in_global_namespace().set_into_module(
        module,
        |ctx: NativeCallContext, list: &mut Array, between: ImmutableString| -> String {
            let zone = zone_of(&ctx);
            list.iter().map(|item| display(item, zone)).collect::<Vec<_>>().join(&between)
        },
    );
    FuncRegistration::new("take")
        .in_global_namespace()
        .with_purity(true)
        .set_into_module(module, |list: &mut Array, n: INT| -> Array {
            list.iter().take(usize::try_from(n).unwrap_or(0)).cloned().collect()
        });
    FuncRegistration::new("chunks").in_global_namespace().set_into_module(
        module,
        |ctx: NativeCallContext, list: &mut Array, size: INT| -> RhaiResult<Array> {
            let size = usize::try_from(size).ok().filter(|size| *size > 0).ok_or_else(|| {
                let error = Error::new(Kind::Argument, format!("a chunk has at least one element, not {size}"));
                raise(Some(&ctx), error.hint("write `list.chunks(100)`"))
            })?;
            Ok(list.chunks(size).map(|chunk| chunk.to_vec().into()).collect())
        },
    );
}

type Body = fn(&NativeCallContext, &Array, Key) -> RhaiResult<Dynamic>;

/// A method with a key.
fn keyed(module: &mut Module, name: &str, body: Body) {
    FuncRegistration::new(name).in_global_namespace().set_into_module(
        module,
        move |ctx: NativeCallContext, list: &mut Array, key: Dynamic| -> RhaiResult<Dynamic> {
            body(&ctx, list, Key::new(&ctx, &key)?)
        },
    );
}

/// A method with a key, or with the elements themselves.
fn keyed_or_not(module: &mut Module, name: &str, body: Body) {
    FuncRegistration::new(name)
        .in_global_namespace()
        .set_into_module(module, move |ctx: NativeCallContext, list: &mut Array| -> RhaiResult<Dynamic> {
            body(&ctx, list, Key::Itself)
        });
    keyed(module, name, body);
}

/// What elements are told apart or ordered by.
enum Key {
    Itself,
    /// A field of maps.
    Field(ImmutableString),
    Closure(FnPtr),
}

impl Key {
    fn new(ctx: &NativeCallContext, key: &Dynamic) -> RhaiResult<Self> {
        if let Some(field) = key.read_lock::<ImmutableString>() {
            return Ok(Self::Field(field.clone()));
        }
        key.read_lock::<FnPtr>().map(|closure| Self::Closure(closure.clone())).ok_or_else(|| {
            let error = Error::new(
                Kind::Argument,
                format!("the key is the name of a field or a closure, not {}", type_name(key)),
            );
            raise(Some(ctx), error.hint("write `list.sorted_by(\"uploaded\")` or `list.sorted_by(|x| x.uploaded)`"))
        })
    }

    fn of(&self, ctx: &NativeCallContext, item: &Dynamic) -> RhaiResult<Dynamic> {
        match self {
            Self::Itself => Ok(item.clone()),
            Self::Closure(closure) => closure.call_raw(ctx, None, [item.clone()]),
            Self::Field(field) => {
                let map = item.read_lock::<Map>();
                map.as_ref().and_then(|map| map.get(field.as_str())).cloned().ok_or_else(|| {
                    let error = match &map {
                        Some(map) => {
                            let mut error = Error::new(Kind::Field, format!("an element has no field `{field}`"));
                            error.hint = crate::text::suggestion(field, map.keys().map(rhai::Identifier::as_str));
                            error
                        }
                        None => Error::new(Kind::Type, format!("`{field}` is no field of {}", type_name(item)))
                            .hint("give a closure for elements that are no maps: `|x| x`"),
                    };
                    raise(Some(ctx), error)
                })
            }
        }
    }

    /// Each element with its key as a text.
    fn texts(
        &self,
        ctx: &NativeCallContext,
        list: &Array,
        mut take: impl FnMut(ImmutableString, &Dynamic),
    ) -> RhaiResult<()> {
        let zone = zone_of(ctx);
        for item in list {
            let key = self.of(ctx, item)?;
            let text = key.read_lock::<ImmutableString>().map(|text| text.clone());
            take(text.unwrap_or_else(|| display(&key, zone).into()), item);
        }
        Ok(())
    }
}

fn sorted_by(ctx: &NativeCallContext, list: &Array, key: &Key) -> RhaiResult<Array> {
    let keyed = list.iter().map(|item| Ok((key.of(ctx, item)?, item))).collect::<RhaiResult<Vec<_>>>()?;
    let sorted = sorted(keyed, &mut |(a, _), (b, _)| ordering(ctx, a, b))?;
    Ok(sorted.into_iter().map(|(_, item)| item.clone()).collect())
}

/// The first of the largest, or of the smallest.
fn extreme(ctx: &NativeCallContext, list: &Array, key: &Key, side: Ordering) -> RhaiResult<Dynamic> {
    let mut best: Option<(Dynamic, &Dynamic)> = None;
    for item in list {
        let key = key.of(ctx, item)?;
        let better = match &best {
            Some((held, _)) => ordering(ctx, &key, held)? == side,
            // One alone must have an order too, or the mistake would show only later.
            None => ordering(ctx, &key, &key)?.is_eq(),
        };
        if better {
            best = Some((key, item));
        }
    }
    Ok(best.map_or(Dynamic::UNIT, |(_, item)| item.clone()))
}

fn unique(ctx: &NativeCallContext, list: &Array, key: &Key) -> RhaiResult<Array> {
    let run = run_of(Some(ctx)).map_err(|error| raise(Some(ctx), error))?;
    let mut others: Array = Vec::new();
    let mut texts = HashSet::new();
    let mut addresses = HashSet::new();
    let mut unique = Array::new();
    for item in list {
        // A long list takes long, and nothing else looks at the clock meanwhile.
        if let Some(error) = run.must_end() {
            return Err(raise(Some(ctx), error));
        }
        let key = key.of(ctx, item)?;
        // Texts and addresses are the common case, and by far the longest lists.
        let fresh = if let Some(text) = key.read_lock::<ImmutableString>() {
            texts.insert(text.clone())
        } else if let Some(ip) = key.read_lock::<Ip>() {
            addresses.insert(*ip)
        } else {
            !others.iter().any(|other| equal(other, &key))
        };
        if fresh {
            unique.push(item.clone());
            if !key.is_string() && !key.is::<Ip>() {
                others.push(key);
            }
        }
    }
    Ok(unique)
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
    let mut time: Option<Duration> = None;
    let mut numbers = false;
    for value in values {
        if let Ok(int) = value.as_int() {
            whole = whole.checked_add(int).ok_or_else(|| Error::new(Kind::Type, "the sum is too large for an int"))?;
            numbers = true;
        } else if let Ok(number) = value.as_float() {
            real += number;
            (float, numbers) = (true, true);
        } else if let Some(duration) = value.read_lock::<Duration>() {
            time = Some(time.unwrap_or_default() + *duration);
        } else {
            let found = type_name(value);
            return Err(Error::new(Kind::Type, format!("only numbers and durations have a sum, not {found}"))
                .hint("name the field: `list.sum_by(\"uploaded\")`"));
        }
    }
    match time {
        Some(_) if numbers => Err(Error::new(Kind::Type, "numbers and durations have no sum together")),
        Some(time) => Ok(Dynamic::from(time)),
        None => Ok(if float { (whole as f64 + real).into() } else { whole.into() }),
    }
}
