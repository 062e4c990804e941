# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT
#
# Reads files written by `--gtest_output=xml`. Prints one line per test, `passed|failed|skipped<TAB>name`.

/<testcase / {
    report()
    name = attribute("classname") "." attribute("name")
    result = attribute("result") == "skipped" ? "skipped" : "passed"
}

/<failure/ { result = "failed" }

END { report() }

function report() {
    if (name != "")
        print result "\t" name
    name = ""
}

function attribute(key,    value) {
    value = $0
    sub(".* " key "=\"", "", value)
    sub("\".*", "", value)
    return value
}
