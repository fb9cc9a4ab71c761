//! What was newly written, without the mail it answers. The full text always stays beside it.

/// Words that introduce the sender, the time, the receivers and the subject of a quoted mail: Outlook in Taiwan, Hong Kong,
/// China and Japan, English, and what Apple Mail and QQ write.
const FROM: [&str; 8] = ["寄件者", "寄件人", "發件人", "发件人", "差出人", "from", "送件者", "發送人"];
const OTHER: [&str; 31] = [
    "寄件日期",
    "寄件時間",
    "日期",
    "時間",
    "时间",
    "已傳送",
    "傳送時間",
    "傳送日期",
    "发送时间",
    "发送日期",
    "發送時間",
    "發送日期",
    "送信日時",
    "sent",
    "date",
    "收件者",
    "收件人",
    "宛先",
    "to",
    "副本",
    "副本抄送",
    "抄送",
    "cc",
    "密件副本",
    "主旨",
    "主題",
    "主题",
    "標題",
    "件名",
    "subject",
    "重要性",
];
/// Lines between dashes that introduce the quoted mail.
const DASHED: [&str; 13] = [
    "original message",
    "original appointment",
    "原始郵件",
    "原始邮件",
    "原始訊息",
    "原始信件",
    "原始約會",
    "forwarded message",
    "轉寄郵件",
    "轉寄的郵件",
    "轉寄訊息",
    "转发邮件",
    "轉發郵件",
];
/// Ends of attribution lines.
const WROTE: [&str; 11] = [
    "wrote:",
    "wrote：",
    "寫道：",
    "寫道:",
    "写道：",
    "写道:",
    "撰寫：",
    "寫了：",
    "a écrit :",
    "schrieb:",
    "のメール:",
];
/// What stands in the first line of a wrapped attribution: with it the end may come lines later.
const AT: [&str; 3] = ["於", "于", "在"];
/// Lines over which one attribution or header block may spread.
const SPREAD: usize = 4;
/// Outlook's rule has 32 underscores; ten are no accident.
const RULE_MIN: usize = 10;

/// The reply alone; `None` where nothing is quoted or nothing would remain.
#[must_use]
pub fn stripped(text: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut kept: Vec<&str> = Vec::new();
    let mut cut = false;
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        let rest = lines.get(at..).unwrap_or_default();
        if is_header_block(rest) || is_dashed(line) {
            cut = true;
            break;
        }
        if let Some(length) = attribution(rest) {
            cut = true;
            let below = rest.iter().skip(length).find(|l| !l.trim().is_empty());
            if !below.is_some_and(|l| l.trim_start().starts_with('>')) {
                break; // everything below is the quoted mail, without marks
            }
            at += length;
            continue;
        }
        if line.trim_start().starts_with('>') {
            cut = true;
        } else {
            kept.push(line);
        }
        at += 1;
    }
    let reply = kept.join("\n").trim().to_owned();
    (cut && !reply.is_empty()).then_some(reply)
}

fn is_dashed(line: &str) -> bool {
    let line = line.trim();
    let inner = line.trim_matches(['-', ' ']);
    line.starts_with("--") && DASHED.iter().any(|word| inner.to_lowercase() == *word)
}

/// How many lines an attribution takes (`On ... wrote:` is often wrapped).
fn attribution(lines: &[&str]) -> Option<usize> {
    let first = lines.first()?.trim();
    if first.starts_with('>') || first.is_empty() {
        return None;
    }
    let ends = |line: &str| WROTE.iter().any(|end| line.trim_end().to_lowercase().ends_with(end));
    if ends(first) && (first.contains('@') || first.contains(|c: char| c.is_ascii_digit())) {
        return Some(1);
    }
    let foreign = ["On ", "Le ", "Am "].iter().any(|start| first.starts_with(start));
    // `Name <address> 於 2026年3月1日` and the rest on the next line; a plain sentence has no address or date in it.
    let dated = first.contains('年') || first.contains('@');
    let chinese = dated && AT.iter().any(|word| first.contains(word));
    if !foreign && !chinese {
        return None;
    }
    let spread = lines.iter().take(SPREAD).take_while(|line| !line.trim().is_empty());
    let at = spread.clone().position(|line| ends(line))?;
    Some(at + 1)
}

/// Outlook's block: a rule or nothing, then labels in the language of the sender's program.
fn is_header_block(lines: &[&str]) -> bool {
    let Some(first) = lines.first().map(|l| l.trim()) else { return false };
    let ruled = first.len() >= RULE_MIN && first.chars().all(|c| c == '_');
    let block: Vec<&str> = if ruled {
        lines.iter().skip(1).map(|l| l.trim()).filter(|l| !l.is_empty()).take(SPREAD).collect()
    } else {
        lines.iter().map(|l| l.trim()).take(SPREAD + 1).collect()
    };
    let Some((head, others)) = block.split_first() else { return false };
    let found = others.iter().filter(|line| labelled(line, &OTHER)).count();
    labelled(head, &FROM) && found >= if ruled { 1 } else { 2 }
}

fn labelled(line: &str, labels: &[&str]) -> bool {
    let Some((label, _)) = line.split_once([':', '：']) else { return false };
    let label = label.trim().trim_matches('*').to_lowercase();
    labels.contains(&label.as_str())
}

#[cfg(test)]
mod tests {
    use super::stripped;

    #[test]
    fn quotes_are_recognised() {
        let outlook = "好的，謝謝。\n\n________________________________\n寄件者: 客服 <help@shop.example>\n\
            寄件日期: 2026年3月1日\n收件者: 王小明\n副本: \n主旨: 回覆: 訂單\n\n您好";
        let bare = "收到\n發件人：a@b.example\n日期：今天\n主旨：x\n舊文";
        let gmail = "明天到\n\n王小明 <a@b.example> 於 2026年3月1日 週日 上午10:12寫道：\n> 何時？\n> 請回";
        let below = "On Sun, Mar 1, 2026, A <a@b.example>\nwrote:\n> when?\n\ntomorrow";
        let apple = "Yes\n\nOn 1 Mar 2026, at 10:12, A wrote:\n\nold text without marks";
        for (text, want) in [
            (outlook, Some("好的，謝謝。")),
            (bare, Some("收到")),
            (gmail, Some("明天到")),
            (below, Some("tomorrow")),
            (apple, Some("Yes")),
            ("Ok\n-----Original Message-----\nFrom: x", Some("Ok")),
            ("Ok\n-----原始郵件-----\n舊", Some("Ok")),
            ("好\n\n王 <a@b.example> 於 2026年3月1日\n週日 上午10:12 寫道：\n\n> 舊", Some("好")),
            ("好\n在 2026年3月1日，上午10:12，王 <a@b.example> 寫道：\n\n舊", Some("好")),
            ("好\n\n王 <a@b.example> 于2026年3月1日周日 10:12写道：\n> 旧", Some("好")),
            ("好\n\n------------------ 原始邮件 ------------------\n发件人: \"a\"", Some("好")),
            ("好\n\n寄件人： 客服\n寄件日期： 2026年3月1日\n收件人： 王\n主題： 訂單\n\n舊", Some("好")),
            ("好\n---------- Forwarded message ---------\n寄件者： 客服", Some("好")),
            ("我在 2026年3月1日 買的\n他寫道：好", None),
            ("a\n> b\nc", Some("a\nc")),
            ("> only a quote", None),
            ("From: Taipei\nTo: Tainan\nby train", None),
            ("________________________________\nsigned", None),
            ("On Monday I wrote\nnothing", None),
            ("", None),
        ] {
            assert_eq!(stripped(text).as_deref(), want, "{text}");
        }
    }
}
