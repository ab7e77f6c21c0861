//! What sort of thing went wrong, for people: why it happens, and what to do next.

use crate::error::Kind;

use super::Language;

/// What a kind of error means and what to do, where the error itself does not say.
pub struct Explanation {
    pub why: &'static str,
    pub next: &'static str,
}

/// Of every kind.
pub fn explanation(kind: Kind, language: Language) -> Explanation {
    let [why, zh_why, next, zh_next] = texts(kind);
    Explanation { why: language.pick(why, zh_why), next: language.pick(next, zh_next) }
}

/// Why in English and in Chinese, then what to do in both.
const fn texts(kind: Kind) -> [&'static str; 4] {
    match kind {
        Kind::Config => [
            "the configuration, or a service that only its owner can set up",
            "配置有误，或服务尚未由其主人设置好",
            "correct what is named above; `tidegate check --online` tries it",
            "请改正上面指出的地方；可用 `tidegate check --online` 验证",
        ],
        Kind::Syntax => [
            "the script or expression cannot be read",
            "脚本或表达式无法解析",
            "look at the marked place and at what stands right before it",
            "请查看标出的位置及其前面的内容",
        ],
        Kind::Type => [
            "values of types that do not go together",
            "值的类型不匹配",
            "look at the types with `type_of(x)`, or run `tidegate check`",
            "可用 `type_of(x)` 查看类型，或运行 `tidegate check`",
        ],
        Kind::Field => [
            "what was asked for is not there",
            "要取的东西不存在",
            "`x.keys()` lists what there is",
            "`x.keys()` 列出已有的内容",
        ],
        Kind::Argument => [
            "a function or command was given something that it does not take",
            "给函数或命令的参数不对",
            "the reference has the signature of each function",
            "参考手册中有每个函数的签名",
        ],
        Kind::Permission => [
            "the script may not do this",
            "脚本没有做这件事的权限",
            "grant it under `[script.NAME]`, as narrowly as possible",
            "请在 `[script.NAME]` 下授权，范围越小越好",
        ],
        Kind::Transport => [
            "the service could not be reached",
            "无法连接到服务",
            "is it running, and is its address right? `tidegate check --online` asks every service",
            "它在运行吗？地址对吗？`tidegate check --online` 会询问每个服务",
        ],
        Kind::Timeout => [
            "no answer came within the time allowed",
            "在限定时间内没有得到回应",
            "try again later, or allow more time with `timeout`",
            "请稍后再试，或用 `timeout` 放宽时间",
        ],
        Kind::Http => [
            "something answered, but not the service in its own words",
            "得到了回应，但不是服务自己的回应",
            "does the address lead to the service itself, or to a proxy in front of it?",
            "地址指向服务本身，还是它前面的代理？",
        ],
        Kind::Api => [
            "the service said no, in its own words",
            "服务拒绝了请求，原因是它自己的话",
            "the service's own log or panel may say more",
            "服务自己的日志或面板可能有更多说明",
        ],
        Kind::Protocol => [
            "the answer is not what this service should answer",
            "回应不是这个服务应有的样子",
            "is its version one that tidegate knows? Please report it with the endpoint's name",
            "它的版本 tidegate 认识吗？请附上端点名称反馈",
        ],
        Kind::Auth => [
            "the credentials are wrong or missing",
            "凭据错误或缺失",
            "look at the token or key in the configuration; a changed one is taken up without a restart",
            "请检查配置中的令牌或密钥；修改后无需重启即可生效",
        ],
        Kind::RateLimit => [
            "too many requests in a short time",
            "短时间内请求过多",
            "ask less often, or share replies with `cached(\"5m\")`",
            "请降低频率，或用 `cached(\"5m\")` 共享回应",
        ],
        Kind::Locked => [
            "a job runs on the VPS, which locks it until it is done",
            "VPS 上有任务在运行，完成之前处于锁定状态",
            "wait with `wait_until_unlocked(\"30m\")`, or try again later",
            "请用 `wait_until_unlocked(\"30m\")` 等待，或稍后再试",
        ],
        Kind::Unsupported => [
            "this version, or this torrent client, does not have it",
            "这个版本或这个下载器不支持",
            "`tidegate endpoints NAME` says which releases have it",
            "`tidegate endpoints NAME` 会说明哪些版本支持",
        ],
        Kind::Limit => [
            "a limit on time, memory or operations of a run was reached",
            "达到了运行的时间、内存或操作次数上限",
            "let one run do less, or raise the limit under `[limits]`",
            "请让一次运行少做一些，或在 `[limits]` 下调高上限",
        ],
        Kind::Cancelled => [
            "somebody ended it",
            "有人中止了它",
            "nothing, if that was meant; `tidegate history` shows what was done before",
            "如果是有意的则无需处理；`tidegate history` 显示之前做了什么",
        ],
        Kind::Script => [
            "the script itself threw this",
            "这是脚本自己抛出的错误",
            "look at the marked line of the script",
            "请查看脚本中标出的那一行",
        ],
        Kind::Internal => [
            "a fault in tidegate itself",
            "tidegate 自身的错误",
            "please report it, with the message above",
            "请附上上面的信息反馈",
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_explained_in_both_languages() {
        for kind in Kind::ALL {
            let [english, chinese] = Language::ALL.map(|language| explanation(kind, language));
            for (english, chinese) in [(english.why, chinese.why), (english.next, chinese.next)] {
                assert!(english.is_ascii() && english.len() > 10, "{kind}: {english}");
                assert!(chinese.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)), "{kind}: {chinese}");
            }
        }
    }
}
