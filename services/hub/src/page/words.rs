//! The page's words in its two languages.

/// Language of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lang {
    /// English.
    #[default]
    English,
    /// Traditional Chinese.
    Chinese,
}

impl Lang {
    /// From `?lang=`, else from `Accept-Language`: the first that is spoken here, in the order written.
    #[must_use]
    pub fn of(asked: Option<&str>, accepted: Option<&str>) -> Self {
        let one = |tag: &str| match tag.trim().to_ascii_lowercase() {
            tag if tag.starts_with("zh") => Some(Self::Chinese),
            tag if tag.starts_with("en") => Some(Self::English),
            _ => None,
        };
        let listed = || accepted?.split(',').find_map(one);
        asked.and_then(one).or_else(listed).unwrap_or_default()
    }

    /// Its tag.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-Hant",
        }
    }

    /// The words of this key; what has none is shown as it is.
    #[must_use]
    pub fn say(self, key: &str) -> &str {
        let Some((_, english, chinese)) = WORDS.iter().find(|(k, _, _)| *k == key) else { return key };
        match self {
            Self::English => english,
            Self::Chinese => chinese,
        }
    }
}

/// Key, English, Chinese.
const WORDS: &[(&str, &str, &str)] = &[
    ("customer", "Customer", "顧客"),
    ("unnamed", "Customer without a name", "未具名顧客"),
    ("skip", "Skip to content", "跳到內容"),
    (
        "masked",
        "Names and identifiers are masked; texts of messages are not shown.",
        "姓名與識別資料已遮罩，不顯示訊息內容。",
    ),
    ("version", "version", "版本"),
    ("events", "Events", "事件"),
    ("channels", "Channels", "通路"),
    (
        "channels_about",
        "Facts of each channel, forms at the time they came in.",
        "各通路的事件；表單以收到的時間計。",
    ),
    ("identifiers", "Identifiers", "識別資料"),
    ("first", "First", "最早"),
    ("last", "Last", "最近"),
    ("net", "Net", "淨額"),
    ("profile", "Profile", "基本資料"),
    ("purchases", "Purchases", "消費"),
    ("timeline", "Timeline", "時間軸"),
    ("newest", "The newest entries, times of the shop’s zone.", "最新紀錄，門市所在時區。"),
    ("more", "Older entries are not shown here.", "較早的紀錄未列出。"),
    ("why", "Why this is one customer", "為什麼是同一位顧客"),
    (
        "why_about",
        "Each link with the event that proves it. An operator can undo any of them.",
        "每個連結與其證據事件；管理者可以撤銷任何一個。",
    ),
    ("alone", "One identifier, so there is nothing to join.", "只有一項識別資料，沒有需要連結的。"),
    ("refused_links", "Not joined", "未連結"),
    ("and", "and", "與"),
    ("evidence", "evidence", "證據"),
    ("nothing", "Nothing yet.", "尚無資料。"),
    ("shared", "shared", "多人共用"),
    ("suspicious", "suspicious", "異常"),
    ("type", "Type", "類型"),
    ("value", "Value", "值"),
    ("trust", "Trust", "可信度"),
    ("facts", "Facts", "次數"),
    ("channel", "Channel", "通路"),
    ("currency", "Currency", "幣別"),
    ("orders", "Purchases", "購買"),
    ("refunds", "Refunds", "退款"),
    ("verified", "verified", "已驗證"),
    ("claimed", "claimed", "自行填寫"),
    ("observed", "observed", "觀察到"),
    ("operator", "operator", "管理者"),
    ("limit", "would exceed what one customer can have", "超過一位顧客的上限"),
    ("cannot_link", "an operator keeps them apart", "管理者已分開"),
    ("verified_elsewhere", "verified on another customer", "已驗證屬於另一位顧客"),
    ("name", "Name", "姓名"),
    ("displayName", "Display name", "顯示名稱"),
    ("email", "E-mail", "電子郵件"),
    ("telephone", "Phone", "電話"),
    ("phone", "Phone", "電話"),
    ("birthDate", "Birth date", "生日"),
    ("address", "Address", "地址"),
    ("gender", "Gender", "性別"),
    ("language", "Language", "語言"),
    ("on_file", "on file", "已登錄"),
    ("consents", "Consents", "同意"),
    ("subscriptions", "Following", "追蹤"),
    ("following", "following", "追蹤中"),
    ("stopped", "stopped", "已停止"),
    ("granted", "granted", "同意"),
    ("withdrawn", "withdrawn", "撤回"),
    ("marketing", "marketing", "行銷"),
    ("traits", "Traits", "標籤"),
    ("tier", "tier", "會員等級"),
    ("member", "Member card", "會員卡"),
    ("line", "LINE", "LINE"),
    ("web_form", "web form", "網站表單"),
    ("typeform", "Typeform", "Typeform"),
    ("google_lead", "Google lead form", "Google 名單表單"),
    ("meta", "Facebook", "Facebook"),
    ("pos_file", "till", "收銀"),
    ("members_file", "members", "會員名單"),
    ("bindings_file", "bindings", "綁定名單"),
    ("square", "Square", "Square"),
    ("shopify", "Shopify", "Shopify"),
    ("tw_einvoice", "e-invoice", "電子發票"),
    ("cloudevents", "system", "系統"),
    ("social", "Social account", "社群帳號"),
    ("carrier", "Invoice carrier", "發票載具"),
    ("cookie", "Cookie", "Cookie"),
    ("message.received", "Message", "來訊"),
    ("message.sent", "Our answer", "我們的回覆"),
    ("form.submitted", "Form", "填寫表單"),
    ("mention.created", "Public comment", "公開留言"),
    ("purchase.completed", "Purchase", "購買"),
    ("refund.issued", "Refund", "退款"),
    ("order.changed", "Order", "訂單"),
    ("follow.started", "Follows", "開始追蹤"),
    ("follow.ended", "Stopped following", "停止追蹤"),
    ("consent.changed", "Consent", "同意"),
    ("profile.changed", "Profile", "資料更新"),
    ("trait.changed", "Trait", "標籤"),
    ("note.added", "Note", "註記"),
    ("delivery.reported", "Delivery", "投遞狀態"),
    ("link.proven", "Account linked", "帳號連結"),
    ("link.failed", "Linking failed", "連結失敗"),
    ("identity.link", "Joined by an operator", "管理者連結"),
    ("identity.unlink", "Kept apart by an operator", "管理者分開"),
    ("removed", "Removed", "已移除"),
    ("visit.recorded", "Visit", "造訪"),
    ("cart.changed", "Cart", "購物車"),
    ("activity", "Activity", "活動"),
    ("text", "text", "文字"),
    ("sticker", "sticker", "貼圖"),
    ("image", "picture", "圖片"),
    ("mail", "mail", "郵件"),
    ("postback", "button", "按鈕"),
    ("reaction", "reaction", "表情"),
    ("comment", "comment", "留言"),
    ("store", "store", "門市"),
    ("lines", "lines", "項"),
    ("dead", "cannot be shown", "無法顯示"),
    ("other_language", "中文", "English"),
];

#[cfg(test)]
mod tests {
    use super::{Lang, WORDS};

    #[test]
    fn the_reader_chooses_the_language() {
        for (asked, accepted, want) in [
            (Some("en"), Some("zh-TW"), Lang::English),
            (Some("zh-Hant"), None, Lang::Chinese),
            (Some("xx"), Some("fr, zh-TW;q=0.9, en;q=0.8"), Lang::Chinese),
            (None, Some("de"), Lang::English),
            (None, None, Lang::English),
        ] {
            assert_eq!(Lang::of(asked, accepted), want, "{asked:?} {accepted:?}");
        }
    }

    #[test]
    fn no_key_stands_twice() {
        let keys: std::collections::BTreeSet<&str> = WORDS.iter().map(|(key, _, _)| *key).collect();
        assert_eq!(keys.len(), WORDS.len());
    }
}
