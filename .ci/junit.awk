# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT
#
# Reads a file written by `ctest --output-junit`. Prints one line per test, `passed|failed|skipped<TAB>name`.
#
# CTest also writes "skipped" for a program that it could not start. This script counts such a program as
# failed.

/^\t<testcase / {
    report()
    name = attribute("name")
    status = attribute("status")
    result = status == "run" ? "passed" : status == "disabled" ? "skipped" : "failed"
}

/^\t\t<skipped message="SKIP_/ { result = "skipped" }

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
    gsub("&lt;", "<", value)
    gsub("&gt;", ">", value)
    gsub("&quot;", "\"", value)
    gsub("&apos;", "'", value)
    gsub("&amp;", "\\&", value)
    return value
}
