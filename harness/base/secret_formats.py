"""The published formats of keys and tokens: a fixed beginning, and what follows it.

Each beginning in lower case is also a cheap hint: a text without any of them is not searched. Formats without a fixed
beginning are found by the name of the setting that holds them (see base/sensitive.py).
"""
from __future__ import annotations

# (hints, pattern); one of the hints is in every match, in lower case.
_ROWS = (
    ("sk-", r"sk-(?:ant-|proj-|or-|svcacct-|admin-|lf-)?[A-Za-z0-9_-]{16,}"), ("ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{20,}"), ("github_pat_", r"github_pat_\w{20,}"),
    ("glpat- gldt- glrt- glcbt- glptt- gloas- glft- glagent- glimt- glsoat- glffct-", r"gl(?:pat|dt|rt|cbt|ptt|oas|ft|agent|imt|soat|ffct)-[\w=-]{16,}"), ("hf_", r"hf_[A-Za-z0-9]{20,}"), ("api_org_", r"api_org_[A-Za-z0-9]{30,}"),
    ("xox", r"xox[abeoprs](?:\.xox[bp])?-[\w-]{10,}"), ("xapp-", r"xapp-\d-[\w-]{16,}"), ("akia", r"AKIA[A-Z0-9]{16}"), ("asia", r"ASIA[A-Z0-9]{16}"),
    ("abia", r"ABIA[A-Z0-9]{16}"), ("acca", r"ACCA[A-Z0-9]{16}"), ("a3t", r"A3T[A-Z0-9][A-Z2-7]{16}"), ("aiza", r"AIza[\w-]{30,}"), ("ya29.", r"ya29\.[\w-]{20,}"),
    ("gocspx-", r"GOCSPX-[\w-]{20,}"), ("1//0", r"1//0[\w-]{30,}"), ("npm_", r"npm_[A-Za-z0-9]{30,}"), ("pypi-", r"pypi-AgE[\w-]{20,}"),
    ("rubygems_", r"rubygems_[a-f0-9]{40,}"), ("oy2", r"oy2[a-z0-9]{43}"), ("dckr_", r"dckr_(?:pat|oat)_[\w-]{16,}"), ("sg.", r"SG\.[\w-]{16,}\.[\w-]{16,}"),
    ("eyj", r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}"), ("eyjrijoi", r"eyJrIjoi[A-Za-z0-9+/=]{40,}"), ("tskey-", r"tskey-[\w-]{16,}"), ("r8_", r"r8_[A-Za-z0-9]{20,}"),
    ("gsk_", r"gsk_[A-Za-z0-9]{20,}"), ("pplx-", r"pplx-[A-Za-z0-9]{20,}"), ("xai-", r"xai-[A-Za-z0-9]{30,}"), ("csk-", r"csk-[a-z0-9]{30,}"),
    ("fw_", r"fw_[A-Za-z0-9]{22,}"), ("tgp_v1_", r"tgp_v1_[\w-]{20,}"), ("nvapi-", r"nvapi-[\w-]{20,}"), ("lsv2_", r"lsv2_(?:pt|sk)_[a-f0-9_]{32,}"),
    ("wandb_v1_", r"wandb_v1_[\w]{30,}"), ("_live_", r"(?:[rsp]k|shippo|duffel|plaid|live)_live_[A-Za-z0-9_-]{16,}"),
    ("_test_", r"(?:[rsp]k|shippo|duffel)_test_[A-Za-z0-9_-]{16,}"), ("whsec_", r"whsec_[A-Za-z0-9+/=]{24,}"), ("shpat_ shpca_ shppa_ shpss_", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{20,}"),
    ("sq0", r"sq0(?:atp|csp)-[\w-]{20,}"), ("glsa_", r"glsa_\w{20,}"), ("glc_", r"glc_[A-Za-z0-9+/=]{32,}"), ("_v1_", r"do[opr]_v1_[0-9a-f]{20,}"),
    ("age-secret", r"AGE-SECRET-KEY-1[A-Z0-9]{20,}"), ("atatt3", r"ATATT3[\w=-]{30,}"), ("clojars_", r"CLOJARS_[A-Za-z0-9]{40,}"), ("v1.0-", r"v1\.0-[a-f0-9]{24}-[a-f0-9]{40,}"),
    ("dapi", r"dapi[a-f0-9]{32}"), ("dp.pt. dp.st. dp.ct. dp.scim. dp.audit.", r"dp\.(?:pt|st|ct|scim|audit)\.[A-Za-z0-9.]{30,}"), ("dt0c01.", r"dt0c01\.[A-Z0-9]{20,}\.[A-Z0-9]{40,}"), ("ezak eztk", r"EZ[AT]K[a-zA-Z0-9]{50,}"),
    ("eaa", r"EAA[A-Z][A-Za-z0-9]{80,}"), ("flwseck", r"FLWSECK_TEST-[A-Za-z0-9]{12,}"), ("fio-u-", r"fio-u-[\w=-]{40,}"), ("atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{40,}"),
    ("hvs.", r"hvs\.[\w-]{24,}"), ("hvb.", r"hvb\.[\w-]{40,}"), ("hrku-", r"HRKU-[\w-]{30,}"), ("ico-", r"ico-[A-Za-z0-9]{32}"), ("lin_api_", r"lin_api_[A-Za-z0-9]{30,}"),
    ("", r"[a-f0-9]{32}-us\d{1,2}"), ("key-", r"(?:pub)?key-[a-f0-9]{32}"), ("ntn_", r"ntn_[A-Za-z0-9]{40,}"), ("sha256~", r"sha256~[\w-]{43}"), ("pscale_", r"pscale_(?:tkn|oauth|pw)_[\w=.-]{30,}"),
    ("pmak-", r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}"), ("pnu_", r"pnu_[A-Za-z0-9]{30,}"), ("pul-", r"pul-[a-f0-9]{40}"), ("rdme_", r"rdme_[a-z0-9]{40,}"), ("tk-us-", r"tk-us-[\w-]{40,}"),
    ("xkeysib-", r"xkeysib-[a-f0-9]{40,}"), ("sntrys_", r"sntrys_eyJ[A-Za-z0-9=_+/]{30,}"), ("sntryu_", r"sntryu_[a-f0-9]{40,}"), ("sm_aat_ sm_pat_ sm_sat_", r"sm_[aps]at_[A-Za-z0-9]{16,}"),
    ("sgp_", r"sgp_[A-Za-z0-9_]{30,}"), ("tfp_", r"tfp_[\w.=-]{40,}"), ("ops_eyj", r"ops_eyJ[A-Za-z0-9+/=]{60,}"), ("a3-", r"A3-[A-Z0-9]{6}-[A-Z0-9-]{20,}"), ("aqvn", r"AQVN[\w-]{30,}"),
    ("y0_", r"y0_[\w-]{40,}"), ("", r"pat[A-Za-z0-9]{14}\.[a-f0-9]{40,}"), ("access-", r"access-(?:sandbox|development|production)-[0-9a-f-]{32,}"), ("nrak-", r"NRAK-[A-Z0-9]{24,}"),
    ("nrjs-", r"NRJS-[a-f0-9]{18,}"), ("figd_", r"figd_[\w-]{30,}"), ("sbp_", r"sbp_[a-f0-9]{36,}"), ("cmvmd", r"CMVMD_[\w-]{20,}"), ("phc_", r"ph[cx]_[A-Za-z0-9]{30,}"),
    ("secret_", r"secret_[A-Za-z0-9]{40,}"), ("hooks.slack.com/", r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{20,}"),
    ("/webhooks/", r"discord(?:app)?\.com/api/webhooks/\d{10,}/[\w-]{30,}"), ("webhook.office.com/", r"webhook\.office\.com/webhookb2/[\w@/-]{40,}"),
    (":aa", r"\b\d{8,10}:AA[\w-]{32,}"), ("telegram", r"(?i:telegram)[\w .-]{0,20}[:=]{1,2}\s{0,3}[\"']?\d{5,16}:A[\w-]{34}"), ("q~", r"(?<![\w~.])[\w~.]{3}\dQ~[\w~.-]{31,34}"), ("accountkey=", r"AccountKey=[A-Za-z0-9+/]{60,}={0,2}"),
    ("sharedaccess", r"SharedAccess(?:Key|Signature)[= ][\w%+/=&-]{30,}"), ("sig=", r"sig=[\w%+/-]{40,}"), ("", r"\bSK[0-9a-f]{32}\b"),
    ("_prod_", r"[rsp]k_prod_[A-Za-z0-9]{16,}"), ("p8e-", r"p8e-[a-f0-9]{32}"), ("ltai", r"LTAI[A-Za-z0-9]{17,21}"), ("absk", r"ABSK[A-Za-z0-9+/]{60,}"),
    ("zxlk", r"ZXlK[A-Za-z0-9+/]{60,}"), ("fo1_", r"fo1_[\w-]{40,}"), ("fm1 fm2", r"fm[12][ar]?_[A-Za-z0-9+/=]{60,}"), ("s-s4t2", r"s-s4t2(?:ud|af)-[a-f0-9]{64}"),
    ("contribsys", r"(?i:BUNDLE_\w{1,20}__CONTRIBSYS__COM)\W{1,8}[a-f0-9]{8}:[a-f0-9]{8}"), ("facebook", r"(?i:facebook)\W{1,8}\d{15,16}\|[\w-]{27}\b"),
    ("authorization", r"(?i:authorization[\"']?[ \t]{0,3}[:=][ \t]{0,3}[\"']?[\w-]{3,20}[ \t]{1,3}(?=[\w+/.~-]*[0-9])[\w+/.~=-]{12,})"),
    ("privatekey", r"PrivateKey\s{0,3}=\s{0,3}[A-Za-z0-9+/]{42,44}="), ("presharedkey", r"PresharedKey\s{0,3}=\s{0,3}[A-Za-z0-9+/]{42,44}="),
    ("bearer basic", r"(?i:bearer|basic)[ \t]+(?=[\w+/.~-]*[0-9])[\w+/.~-]{16,}"),
)
# (hints, pattern, whether a match may hold a space)
FORMATS = tuple((tuple(hints.split()), pattern, any(space in pattern for space in (" ", r"\s", r"\t", r"\W"))) for hints, pattern in _ROWS)
PATTERN = "|".join(pattern for _, pattern in _ROWS)
# The value of a setting whose name says that it is secret. An assignment in any usual language: `name = "value"`, also with
# ::=, ?=, .=, := or a type in between, `"name": "value"`, `("name", "value")`, `<name>value</name>`, `name value="value"`.
_NAME = (r"(?:api[_-]?key|apikey|access[_-]?key|secret(?:[_-]?(?:access)?[_-]?key)?|passw(?:or)?d|passwd|passphrase|token|auth[_-]?key|credential|client[_-]?secret|creds?|access[_-]?id"
         r"|(?:private|signing|license|encryption|account)[_-]?key|(?:user|basic|proxy)[_-]auth|sonar[._-]?login|cloudflare|sourcegraph|artifactory)s?(?:[_.-]?\w{1,16})?")
_ASSIGNED = (r"(?:[\"'`]?[ \t]{0,3}(?:[.?:|+]{0,3}=>?|:)[ \t]{0,3}[\"'`]?|[\"'`][ \t]{0,3},[ \t]{0,3}[\"'`]|[ \t]{1,3}(?:str|string|text|const char ?\*)[ \t]{0,3}=[ \t]{0,3}[\"'`]"
             r"|>\s{0,12}(?=[^\s<>]{12,200}\s{0,12}</)|[\"'`][ \t]{1,3}value[ \t]{0,3}=[ \t]{0,3}[\"'`])")
NAMED = _NAME + _ASSIGNED + r"([\w+/~.:%=-]{12,200})"
NAMED_HINTS = ("key", "secret", "passw", "passphrase", "token", "cred", "_auth", "-auth", "access_id", "access-id", "accessid", "sonar", "cloudflare", "sourcegraph",
               "artifactory")
