//! Email addresses and names as people really type, paste and export them, and what becomes of them. Every line is a
//! promise: what is right is never refused, what is wrong is never accepted, and one contact is never two.

use overture_domain::values::{Content, DisplayName, EmailAddress, Subject};

/// As written, as it is matched, and as it travels.
const EMAILS: &[(&str, &str, &str)] = &[
    ("ann@example.com", "ann@example.com", "ann@example.com"),
    (" Ann.Lee@Example.COM ", "ann.lee@example.com", "Ann.Lee@example.com"),
    ("ann+newsletter@example.com", "ann+newsletter@example.com", "ann+newsletter@example.com"),
    ("a@b.co", "a@b.co", "a@b.co"),
    ("1234567890@qq.com", "1234567890@qq.com", "1234567890@qq.com"),
    ("o'neill@example.ie", "o'neill@example.ie", "o'neill@example.ie"),
    ("_______@example.com", "_______@example.com", "_______@example.com"),
    ("-@example.com", "-@example.com", "-@example.com"),
    ("#!$%&'*+-/=?^_`{}|~@example.org", "#!$%&'*+-/=?^_`{}|~@example.org", "#!$%&'*+-/=?^_`{}|~@example.org"),
    (
        "very.long-name_x@sub.sub2.example.co.uk",
        "very.long-name_x@sub.sub2.example.co.uk",
        "very.long-name_x@sub.sub2.example.co.uk",
    ),
    ("user@123.com", "user@123.com", "user@123.com"),
    ("user@1-2.3m.example", "user@1-2.3m.example", "user@1-2.3m.example"),
    ("user@ab--cd.example", "user@ab--cd.example", "user@ab--cd.example"),
    ("admin@company.museum", "admin@company.museum", "admin@company.museum"),
    ("x@a.travelersinsurance", "x@a.travelersinsurance", "x@a.travelersinsurance"),
    (
        "SRS0=HHH=TT=example.org=ann@example.net",
        "srs0=hhh=tt=example.org=ann@example.net",
        "SRS0=HHH=TT=example.org=ann@example.net",
    ),
    ("user%example.org@example.net", "user%example.org@example.net", "user%example.org@example.net"),
    // Names of domains in other scripts, also as their A-label.
    ("info@bücher.de", "info@xn--bcher-kva.de", "info@xn--bcher-kva.de"),
    ("info@straße.de", "info@xn--strae-oqa.de", "info@xn--strae-oqa.de"),
    ("Info@XN--BCHER-KVA.de", "info@xn--bcher-kva.de", "Info@xn--bcher-kva.de"),
    ("ann@пример.рф", "ann@xn--e1afmkfd.xn--p1ai", "ann@xn--e1afmkfd.xn--p1ai"),
    ("ann@例え。テスト", "ann@xn--r8jz45g.xn--zckzah", "ann@xn--r8jz45g.xn--zckzah"),
    ("ann@παράδειγμα.ελ", "ann@xn--hxajbheg2az3al.xn--qxam", "ann@xn--hxajbheg2az3al.xn--qxam"),
    ("ann@उदाहरण.भारत", "ann@xn--p1b6ci4b4b3a.xn--h2brj9c", "ann@xn--p1b6ci4b4b3a.xn--h2brj9c"),
    ("ann@مثال.إختبار", "ann@xn--mgbh0fb.xn--kgbechtv", "ann@xn--mgbh0fb.xn--kgbechtv"),
    ("ann@i❤.ws", "ann@xn--i-7iq.ws", "ann@xn--i-7iq.ws"),
    // Local parts beyond ASCII.
    ("Jürgen@Müller.de", "jürgen@xn--mller-kva.de", "Jürgen@xn--mller-kva.de"),
    ("用户@例子.广告", "用户@xn--fsqu00a.xn--4rr70v", "用户@xn--fsqu00a.xn--4rr70v"),
    ("संपर्क@डाटामेल.भारत", "संपर्क@xn--c2bd4bq1db8d.xn--h2brj9c", "संपर्क@xn--c2bd4bq1db8d.xn--h2brj9c"),
    ("ИВАН@почта.рф", "иван@xn--80a1acny.xn--p1ai", "ИВАН@xn--80a1acny.xn--p1ai"),
    // Quotation marks.
    ("\"ann lee\"@example.com", "\"ann lee\"@example.com", "\"ann lee\"@example.com"),
    ("\"Ann\"@example.com", "ann@example.com", "\"Ann\"@example.com"),
    ("\"a@b\"@example.com", "\"a@b\"@example.com", "\"a@b\"@example.com"),
    ("\"abc..def\"@docomo.ne.jp", "\"abc..def\"@docomo.ne.jp", "\"abc..def\"@docomo.ne.jp"),
    // What copying leaves at the edges.
    ("\u{FEFF}ann@example.com", "ann@example.com", "ann@example.com"),
    ("\u{200B}ann@example.com\u{200B}", "ann@example.com", "ann@example.com"),
    ("\u{A0}ann@example.com\u{A0}", "ann@example.com", "ann@example.com"),
    ("\u{202A}ann@example.com\u{202C}", "ann@example.com", "ann@example.com"),
    ("ann@example.com\r\n", "ann@example.com", "ann@example.com"),
    ("\tann@example.com\u{3000}", "ann@example.com", "ann@example.com"),
];

const REFUSED_EMAILS: &[&str] = &[
    "",
    " ",
    "\u{200B}",
    "-",
    "n/a",
    "null",
    "none",
    "ann",
    "ann@",
    "@example.com",
    "ann@example",
    "ann@localhost",
    "ann.example.com",
    "ann@@example.com",
    "ann@lee@example.com",
    "ann lee@example.com",
    "ann@exam ple.com",
    "ann@example.com bob@example.com",
    "ann@example.com,bob@example.com",
    "ann@example.com; bob@example.com",
    "ann@example.com,",
    "mailto:ann@example.com",
    "<ann@example.com>",
    "Ann Lee <ann@example.com>",
    "\"Ann Lee\" <ann@example.com>",
    "ann(work)@example.com",
    "ann@example.com (work)",
    ".ann@example.com",
    "ann.@example.com",
    "ann..lee@example.com",
    "ann@example..com",
    "ann@.example.com",
    "ann@example.com.",
    "ann@-example.com",
    "ann@example-.com",
    "ann@exa_mple.com",
    "ann@example.com/path",
    "ann@example.c*m",
    "ann@[192.0.2.1]",
    "ann@[IPv6:2001:db8::1]",
    "ann@192.0.2.1",
    "ann＠example.com",
    "a\u{200B}nn@example.com",
    "ann\u{A0}@example.com",
    "ann@exam\u{200B}ple.com",
    "ann\u{0}@example.com",
    "ann@example.com\r\nBcc: bob@example.com",
    "m\u{FFFD}ller@example.com",
    "\"ann@example.com",
    "ann\"lee@example.com",
    "+49 151 12345678",
    "https://example.com/ann",
];

/// As written, and as it is kept; nothing where no name is left.
const NAMES: &[(&str, Option<&str>)] = &[
    ("Ann Lee", Some("Ann Lee")),
    ("  Ann   Lee  ", Some("Ann Lee")),
    ("Ann\tLee\r\n", Some("Ann Lee")),
    ("Ann\u{A0}Lee", Some("Ann Lee")),
    ("X", Some("X")),
    ("Null", Some("Null")),
    ("O’Brien-Smith, Jr.", Some("O’Brien-Smith, Jr.")),
    ("Nguyễn Thị Minh Khai", Some("Nguyễn Thị Minh Khai")),
    ("Łukasz Żółć", Some("Łukasz Żółć")),
    ("İbrahim Şahin", Some("İbrahim Şahin")),
    ("Þórbjörg Sigurðardóttir", Some("Þórbjörg Sigurðardóttir")),
    ("Владимир Ильич", Some("Владимир Ильич")),
    ("Ελένη Παπαδοπούλου", Some("Ελένη Παπαδοπούλου")),
    ("山田\u{3000}太郎", Some("山田 太郎")),
    ("김민수", Some("김민수")),
    ("王小明", Some("王小明")),
    ("สมชาย ใจดี", Some("สมชาย ใจดี")),
    ("राहुल शर्मा", Some("राहुल शर्मा")),
    ("தமிழ்ச்செல்வி", Some("தமிழ்ச்செல்வி")),
    ("محمد بن سلمان", Some("محمد بن سلمان")),
    ("علی‌رضا", Some("علی‌رضا")),
    ("יוסף בן־דוד", Some("יוסף בן־דוד")),
    ("አበበ ቢቂላ", Some("አበበ ቢቂላ")),
    ("ქეთევან", Some("ქეთევან")),
    ("Խաչատուր", Some("Խաչատուր")),
    ("ေအာင္ဆန္း", Some("ေအာင္ဆန္း")),
    ("José", Some("José")),
    ("Jose\u{301}", Some("Jose\u{301}")),
    ("Zoë 🌸 (she/her)", Some("Zoë 🌸 (she/her)")),
    ("👩\u{200D}👩\u{200D}👧 Miller", Some("👩\u{200D}👩\u{200D}👧 Miller")),
    ("<script>alert(1)</script>", Some("<script>alert(1)</script>")),
    ("ceo@bank.example", Some("ceo@bank.example")),
    ("\u{202E}eel nnA", Some("eel nnA")),
    ("\u{FEFF}Ann\u{200B}", Some("Ann")),
    ("Ann\u{2028}Lee\u{85}", Some("Ann Lee")),
    ("Ann\u{7}Lee", Some("Ann Lee")),
    ("", None),
    (" ", None),
    ("\t\r\n", None),
    ("\u{A0}\u{3000}", None),
    ("\u{200B}\u{FEFF}", None),
    ("\u{3164}", None),
];

#[test]
fn every_email_address_is_matched_and_travels_as_expected() {
    for (written, canonical, wire) in EMAILS {
        let address = EmailAddress::parse(written).unwrap_or_else(|flaw| panic!("{written:?} {flaw}"));
        assert_eq!((address.canonical(), address.wire().as_str()), (*canonical, *wire), "{written:?}");
        assert_eq!(EmailAddress::parse(address.as_str()), Ok(address), "{written:?}");
    }
}

#[test]
fn every_wrong_email_address_is_refused() {
    for written in REFUSED_EMAILS {
        let flaw = EmailAddress::parse(written).expect_err(written);
        assert!(!flaw.to_string().contains("ann@"), "{written:?} is repeated: {flaw}");
    }
}

#[test]
fn every_name_is_kept_as_people_read_it() {
    for (written, kept) in NAMES {
        let name = DisplayName::parse(written).unwrap_or_else(|flaw| panic!("{written:?} {flaw}"));
        assert_eq!(name.as_ref().map(DisplayName::as_str), *kept, "{written:?}");
        let subject = Subject::parse(written).unwrap_or_else(|flaw| panic!("{written:?} {flaw}"));
        assert_eq!(subject.as_ref().map(Subject::as_str), *kept, "{written:?}");
        let content = Content::parse(written).unwrap_or_else(|flaw| panic!("{written:?} {flaw}"));
        assert_eq!(content.as_ref().map(Content::as_str), kept.map(|_| *written), "{written:?}");
    }
}
