# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT
#
# Reads a file written by `ctest --output-junit`. Prints one line per test, `passed|failed|skipped<TAB>name`.
# With -v summary=1, prints only a summary, `N passed, N failed, N skipped`.
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

END {
    report()
    if (summary)
        printf "%d passed, %d failed, %d skipped\n", count["passed"], count["failed"], count["skipped"]
}

function report() {
    if (name != "" && !summary)
        print result "\t" name
    if (name != "")
        count[result]++
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
