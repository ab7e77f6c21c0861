//! The help of the commands in Chinese. The English one stands beside each command; a test holds that every command
//! and every argument is here too.

/// One command in Chinese.
pub(super) struct Words {
    /// `history show`; empty for the program itself.
    pub command: &'static str,
    /// What it does.
    pub about: &'static str,
    /// What `--help` says beside that; may be empty.
    pub more: &'static str,
    /// What is meant by its arguments, by their ids, where that is not in [`COMMON`].
    pub arguments: &'static [(&'static str, &'static str)],
}

/// Arguments that mean the same for every command.
pub(super) const COMMON: &[(&str, &str)] = &[
    ("config", "配置文件"),
    ("color", "何时使用颜色"),
    ("help", "显示帮助（`-h` 简短，`--help` 带示例）"),
    ("version", "显示版本"),
    ("json", "标准输出上只有 JSON"),
    ("url", "别处的守护进程：`http://host:9899` 或 `unix:/路径/control.sock`"),
    ("token_file", "它的令牌文件；默认是数据目录里的 `control.token`"),
    ("live", "真正执行"),
    ("table", "把演练拦下的操作列成标准输出上的表格"),
    ("grants", "授予一项破坏性操作：`kiwivm/tokyo:snapshot_delete`"),
];

const fn words(
    command: &'static str,
    about: &'static str,
    more: &'static str,
    arguments: &'static [(&'static str, &'static str)],
) -> Words {
    Words { command, about, more, arguments }
}

/// `SCRIPT [TRIGGER]`, as several commands take them.
const SCRIPT: (&str, &str) = ("script", "脚本；或 脚本/触发器");
const TRIGGER: (&str, &str) = ("trigger", "触发器；脚本只有一个时可以不写");

pub(super) static WORDS: &[Words] = &[
    words(
        "",
        "按计划运行脚本，操作 PeerBanHelper 和 KiwiVM 的每一个接口",
        "从 `tidegate demo` 开始：模拟的 VPS 和下载器，不需要配置。",
        &[],
    ),
    words(
        "demo",
        "在模拟世界里演示：流量接近月度配额时脚本如何应对；不需要配置",
        "什么都不会离开这台机器：一切都在本机端口和一个临时目录里进行。",
        &[("speed", "一秒里过去多少模拟的秒数")],
    ),
    words(
        "init",
        "在目录里写下配置、第一个脚本、编辑器的定义文件和 systemd 单元，并说明接下来做什么",
        "查不到的才问，令牌与密钥当场验证，并问明下载器运行在哪台 VPS 上。没有终端或带 `--yes` 时，取环境变量 KIWIVM_VEID、\
         KIWIVM_API_KEY、PBH_URL、PBH_TOKEN 和通常的选择。已有的文件不会被改动；写完后照它打印的几行做。",
        &[
            ("dir", "写到哪个目录；已有的文件不会被改动"),
            ("yes", "什么都不问"),
            ("service", "由谁启动守护进程：用户自己的 systemd（user）、系统的（system），或都不是（none）"),
        ],
    ),
    words(
        "run",
        "守护进程：运行脚本目录，直到被停止",
        "第一次 Ctrl-C（或 SIGTERM）不再开始新的运行，让正在跑的在宽限期内结束；第二次立即取消。SIGHUP 重新读取配置。",
        &[
            ("dry", "演练：除了读取，什么都不真做，不管配置怎么写"),
            ("log", "日志的写法"),
            ("verbose", "把每个请求和每次运行的开始也显示出来；JSON 里总是有"),
        ],
    ),
    words(
        "check",
        "检查脚本：编译、注册、核对类型，列出触发器和接下来的时间；不需要网络",
        "不写路径就检查脚本目录里的每个脚本。有错误时以 1 退出。",
        &[
            ("paths", "脚本，或装有脚本的目录；不写就是整个脚本目录"),
            ("online", "同时询问两种服务和每个下载器是否应答"),
        ],
    ),
    words(
        "exec",
        "现在就在前台运行脚本的一个触发器，不管是否到期",
        "不写 --dry-run 或 --live 时，按配置里的模式。",
        &[
            ("script", "脚本目录里的脚本名，或一个路径"),
            TRIGGER,
            ("dry_run", "演练：只说会改动什么"),
            ("save", "把演练会做的事存到这个文件，供 `--apply` 使用"),
            ("apply", "真正做存下来的事；只有再演练一次结果完全相同时才做"),
            ("record", "把它问了什么、得到什么回答存到这个文件，供 `test --replay` 使用"),
        ],
    ),
    words(
        "eval",
        "计算一个表达式或几条语句；没有 `--live` 就是演练",
        "读取照常进行；会改动什么的操作只会说出来，除非写了 `--live`。",
        &[("expression", "脚本；`-` 表示从标准输入读")],
    ),
    words(
        "repl",
        "交互式地问和试；没有 `--live` 就是演练",
        "在里面试试：`vps().data_usage()`、`pbh().top_peers(5)`、`:help`。Tab 补全，Ctrl-C 取消，Ctrl-D 退出。",
        &[
            ("sim", "面对一个全新的模拟世界；无需配置，什么也不留下"),
            ("world", "模拟世界的文件；默认是 `tidegate demo` 的世界"),
            ("attach", "在运行中的守护进程里求值；不写地址就是配置的那一个"),
        ],
    ),
    words(
        "definitions",
        "写出 `*.d.rhai`：所有句柄、接口、函数与返回的结构，以及你的实例名",
        "供带有 Rhai 语言服务器的编辑器使用；能运行 `tidegate lsp` 的编辑器不需要它们。",
        &[("dir", "写到哪个目录；默认是配置旁的 `definitions`")],
    ),
    words(
        "lsp",
        "在标准输入输出上提供语言服务器协议：诊断、补全、悬停、参数提示、跳转到定义与符号",
        "由编辑器启动，不向任何服务发送请求；设置方法见 docs/editors.zh-CN.md。",
        &[],
    ),
    words(
        "next",
        "一个时间表达式接下来的触发时间，并标出夏令时切换的日子；或一个脚本所有触发器的触发时间",
        "",
        &[
            ("expression", "表达式，最好加引号：`'*/5 * * * *'`"),
            ("script", "这个脚本的所有触发器，合并列出：脚本名或路径"),
            ("tz", "时区；默认是配置里的，再默认是系统的"),
            ("from", "只要这个时间之后的：RFC 3339 或本地时间；默认是现在"),
            ("count", "显示几个"),
        ],
    ),
    words(
        "endpoints",
        "列出接口表：每个 KiwiVM 和 PeerBanHelper 接口的名字、参数和作用",
        "",
        &[("pattern", "名字、路径、说明或原标题的一部分，不分大小写")],
    ),
    words(
        "test",
        "在模拟世界里运行脚本的测试：文件 `名称_test.rhai` 中的每个 `fn test_…()`；时钟不等待",
        "有测试失败时退出码为 1，一个测试也没有时为 2。什么都不会离开这台机器。",
        &[
            ("paths", "测试文件，或放有测试文件的目录；默认是脚本目录及其下"),
            ("only", "只运行名字里有这段文字的测试"),
            ("replay", "把 `exec --record` 存下的一次运行放给现在的脚本，比较它做的事"),
        ],
    ),
    words(
        "simulate",
        "让脚本在模拟世界里跑上几个星期：何时触发、调用、消息与流量；时钟不等待",
        "脚本照守护进程的方式运行，只改变模拟世界；有运行失败时退出码为 1。",
        &[
            ("scripts", "脚本目录里的脚本名，或路径；不写就是整个目录"),
            ("from", "从何时开始：RFC 3339 或本地时间；默认是现在"),
            ("to", "到何时结束"),
            ("span", "持续多久"),
            ("world", "世界文件，TOML 或 JSON；不写就是 `tidegate demo` 的世界"),
            ("seed", "换一个随机种子"),
            ("dry_run", "演练：只说会改动什么"),
        ],
    ),
    words(
        "recipe",
        "列出现成的自动化脚本，或打印其中一个，并填好你的实例名",
        "脚本写到标准输出；它在 tidegate.toml 里需要的授权另行说明。",
        &[("name", "要打印的脚本")],
    ),
    words(
        "sim",
        "在本机端口上模拟 KiwiVM、PeerBanHelper 和下载器",
        "",
        &[
            ("kiwivm", "KiwiVM 接口监听的地址；端口 0 表示任取一个空闲的"),
            ("pbh", "PBH 监听的地址"),
            ("world", "世界文件，TOML 或 JSON；不写就是 `tidegate demo` 的世界"),
            ("seed", "换一个随机种子"),
        ],
    ),
    words("status", "正在运行的守护进程的状况：脚本及其错误、接下来的时间、被限制的下载器", "", &[]),
    words(
        "trigger",
        "让正在运行的守护进程现在就运行一个触发器，说明哪些限制（`between`、`overlap` 等）生效，并显示结果",
        "`when` 的条件、`overlap`、权限和演练总是有效；`off`、`between`、`throttle` 只在写了 --guarded 时有效。",
        &[
            SCRIPT,
            TRIGGER,
            ("data", "告诉处理函数的内容：JSON，否则当作文本"),
            ("guarded", "也遵守 `off`、`between` 和 `throttle`，就像到期一样"),
            ("no_wait", "不等它结束"),
        ],
    ),
    words("off", "关掉正在运行的守护进程的一个触发器，直到有人打开它，重启也不变", "", &[SCRIPT, TRIGGER]),
    words("on", "打开正在运行的守护进程的一个触发器，不管是谁关的", "这期间错过的不会补上。", &[SCRIPT, TRIGGER]),
    words(
        "cancel",
        "结束守护进程里的一次运行，或把它移出队列",
        "",
        &[("run", "运行的编号或其开头；或只有一次运行的 脚本、脚本/触发器")],
    ),
    words(
        "history",
        "什么运行了、什么没有运行，最新的在前；不需要守护进程",
        "",
        &[
            ("script", "只看这个脚本"),
            ("trigger", "只看这个触发器"),
            ("state", "只看处于这个状态的运行"),
            ("n", "最多几条，取最新的；默认 20 条，`--json` 时全部"),
        ],
    ),
    words(
        "history show",
        "逐步显示一次运行；什么都没发生时说明原因",
        "",
        &[("run", "运行的编号或其开头；或 脚本、脚本/触发器，取最新的一次")],
    ),
    words(
        "history diff",
        "两次运行有什么不同：版本、结果和步骤",
        "",
        &[("before", "较早的一次，写法同 `history show`"), ("after", "较晚的一次")],
    ),
    words(
        "logs",
        "正在运行的守护进程的最后几行日志；加 -f 继续显示新的",
        "",
        &[
            ("follow", "继续显示新写的日志"),
            ("n", "之前的日志最多显示几行"),
            ("script", "只看这个脚本"),
            ("trigger", "只看这个触发器"),
            ("run", "只看这个编号的运行"),
            ("level", "这个级别及以上；`debug` 显示每个请求"),
        ],
    ),
    words(
        "reload",
        "让正在运行的守护进程重新读取配置、密钥和脚本，并显示结果",
        "有改动时它会自己读取；这个命令用于无法察觉改动的地方。",
        &[],
    ),
    words("downloaders", "每个下载器：是否应答、速度、生效的限速、被谁以什么理由限制", "", &[]),
    words(
        "release",
        "解除 tidegate 对下载器的限制：种子照旧运行，限速恢复原样",
        "守护进程运行时或没有它时都可以用。",
        &[("name", "只解除这个下载器的"), ("reason", "只解除这个理由的；其他理由继续有效")],
    ),
    words("state", "查看和修改脚本在 `state` 和 `shared_state` 里记住的东西，守护进程运行时也可以", "", &[]),
    words(
        "state list",
        "列出所有脚本或一个脚本的每个键",
        "",
        &[("prefix", "只要这样开头的键"), ("script", "这个脚本的 `state`"), ("shared", "`shared_state`")],
    ),
    words(
        "state get",
        "一个值，JSON 格式",
        "",
        &[("key", "键"), ("script", "这个脚本的 `state`"), ("shared", "`shared_state`")],
    ),
    words(
        "state set",
        "把一个值记在一个键下",
        "",
        &[
            ("key", "键"),
            ("value", "JSON；不是 JSON 就当作文本"),
            ("script", "这个脚本的 `state`"),
            ("shared", "`shared_state`"),
            ("ttl", "多久以后忘掉：`2h`"),
        ],
    ),
    words(
        "state delete",
        "忘掉一个键",
        "",
        &[("key", "键"), ("script", "这个脚本的 `state`"), ("shared", "`shared_state`")],
    ),
    words("notify", "测试和查看消息渠道", "", &[]),
    words(
        "notify test",
        "给每个或一个渠道发一条消息，不受免打扰和上限约束；有一个失败就以 1 退出",
        "",
        &[("channel", "`[notify]` 里的一个渠道；不写就是每一个")],
    ),
    words("notify list", "最新的消息：已发出的、等待重发的、留待以后的和已放弃的", "", &[("n", "几条")]),
    words(
        "recipe",
        "现成的自动化：列出全部，或打印其中一个，照抄即可用",
        "",
        &[("name", "要打印的那一个；不写就列出全部")],
    ),
    words("completions", "打印 shell 的补全脚本", "", &[("shell", "哪一种 shell")]),
    words(
        "man",
        "打印手册页，或把每个命令的手册页写到一个目录里",
        "",
        &[("folder", "把 `tidegate.1` 和每个命令的手册页写到这里；目录不存在就建立")],
    ),
];
