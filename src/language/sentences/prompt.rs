//! What the REPL says where it cannot do what was typed.

use super::Sentence;

pub(super) const SENTENCES: &[Sentence] = &[
    ("there is no command `:{}`", "没有命令 `:{0}`"),
    ("`:help` lists them", "`:help` 列出全部命令"),
    ("did you mean `:{}`?", "是不是想写 `:{0}`？"),
    ("`:{}` takes nothing, not `{}`", "`:{0}` 不带参数，而这里有 `{1}`"),
    ("leave it away", "去掉即可"),
    ("`:{}` needs something to work on", "`:{0}` 需要一个对象"),
    ("write `:{}`", "请写 `:{0}`"),
    ("nothing is known of `{}`", "不认识 `{0}`"),
    ("`:endpoints {}` looks for a part of a name", "`:endpoints {0}` 按部分名称查找"),
    ("no endpoint has `{}` in it", "没有哪个接口含有 `{0}`"),
    ("`:endpoints` lists them all", "`:endpoints` 列出全部接口"),
    ("there is no good input yet", "还没有成功的输入"),
    ("type something first", "请先输入内容"),
    ("the last input failed", "上一条输入失败了"),
    ("the schedule stands in quotes", "时间表要写在引号里"),
    ("the script needs a name", "脚本需要一个名字"),
    (
        "write `:cron \"*/5 * * * *\" my-guard`, and perhaps `{ … }` behind it",
        "请写 `:cron \"*/5 * * * *\" my-guard`，其后可跟 `{ … }`",
    ),
    ("`{}` is no name for a script", "`{0}` 不能作脚本名"),
    ("write one word, such as `my-guard`", "请写一个词，如 `my-guard`"),
    ("`{}` is the name of a file of tests, which never runs", "`{0}` 是测试文件的名字，不会运行"),
    ("there is `{}` already", "`{0}` 已存在"),
    ("`{}` was changed since it was saved here", "`{0}` 在此保存后已被修改"),
    ("give another name, or remove it", "请换一个名字，或先删除它"),
    ("give another name", "请换一个名字"),
    ("the script cannot be checked", "脚本无法检查"),
    ("this is a bug in tidegate: please report it", "这是 tidegate 的缺陷，请报告"),
    (
        "this is a bug in tidegate: please report it; your variables are still there",
        "这是 tidegate 的缺陷，请报告；你的变量都还在",
    ),
    ("a host function panicked: {}", "内部函数崩溃：{0}"),
    ("what would be saved does not pass `check`: nothing was written", "要保存的脚本没有通过 `check`：未写入任何内容"),
    (
        "`{}` uses the constant `{}`, whose value is known only when the script runs",
        "`{0}` 用到常量 `{1}`，而它的值要到脚本运行时才知道",
    ),
    ("give it to the function as a parameter", "请作为参数传给该函数"),
    ("there is no terminal to edit in", "没有可供编辑的终端"),
    ("`{}` cannot be used: {}", "`{0}` 无法使用：{1}"),
    ("set `EDITOR`", "请设置 `EDITOR`"),
    (
        "the input did not end when it was cancelled; it is left to itself, and the variables are gone",
        "输入被取消后仍未结束，已任其自行运行，变量已丢失",
    ),
];
