#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT
"""usage: check_coroutines_test.py SOURCE_DIR EXTRACTED_DIR

Checks that tools/check_coroutines reports exactly the lines of the samples that `// finds: KIND` marks, with
a text that contains the words after `// hint: `. It must report nothing in coil's own sources, and in the
code of the documentation only the example of the fault itself.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

SAMPLES = r'''
task<> plain_if(tcp::socket& s) {
    if (co_await s.recv(b) > 0)  // finds: plain-condition  // hint: name the result: if (auto result = co_await ...)
        done();
}
task<> plain_while(tcp::socket& s) {
    while (co_await more(s)) {}  // finds: plain-condition  // hint: name the result: while (auto result = co_await ...)
}
task<> empty_while(tcp::socket& s) {
    while (co_await more(s));  // finds: plain-condition  // hint: name the result: while (auto result = co_await ...)
}
task<> plain_for(tcp::socket& s) {
    for (; co_await more(s);)  // finds: plain-condition  // hint: name the result: for (; auto result = co_await ...;)
        done();
}
task<> plain_increment(tcp::socket& s) {
    for (; is_open(); co_await more(s))  // finds: plain-condition  // hint: an increment cannot declare one
        done();
}
task<> plain_do(tcp::socket& s) {
    do {
        done();
    } while (co_await more(s));  // finds: plain-condition  // hint: bool more = true; do { ... more = co_await ...; }
}
task<> do_without_braces(tcp::socket& s) {
    do done(); while (co_await more(s));  // finds: plain-condition  // hint: a condition of do ... while cannot declare
}
task<> do_around_an_if(tcp::socket& s) {
    do
        if (is_open()) { done(); } else done();
    while (co_await more(s));  // finds: plain-condition  // hint: a condition of do ... while cannot declare
}
task<> while_in_a_do(tcp::socket& s) {
    do {
        while (co_await more(s)) {}  // finds: plain-condition  // hint: name the result: while (auto result
    } while (is_open());
}
task<> while_after_a_block(tcp::socket& s) {
    { done(); }
    while (co_await more(s)) {}  // finds: plain-condition  // hint: name the result: while (auto result
}
task<> do_around_a_do(tcp::socket& s) {
    do
        do done(); while (is_open());
    while (co_await more(s));  // finds: plain-condition  // hint: a condition of do ... while cannot declare
}
task<> plain_switch(tcp::socket& s) {
    switch (co_await kind(s)) {  // finds: plain-condition  // hint: name the result: switch (auto result = 
    case 1: done(); break;
    }
}
template <class Stream>
task<> never_instantiated(Stream& s) noexcept(false) {
    done();
    if (!co_await more(s))  // finds: plain-condition
        done();
}
task<> variable_in_an_inner_block(tcp::socket& s) {
    {
        int inner = 0;
        use(inner);
    }
    while (co_await more(s)) {}  // finds: plain-condition
}
auto lambda = [](tcp::socket& s) -> task<> {
    while (co_await more(s)) {}  // finds: plain-condition
};
task<> lambda_in_a_task_with_a_variable() {
    auto inner = []() -> task<> { while (co_await more()) {} };  // finds: plain-condition
    co_await inner();
}
task<> string_with_a_brace(tcp::socket& s) {
    print("}}}");
    print(R"x(int a = 1; ")x");
    // int commented_out = 1;
    if (co_await more(s)) done();  // finds: plain-condition
}
struct server {
    task<> run() const {
        while (co_await more(socket_)) {}  // finds: plain-condition
    }
    tcp::socket socket_;
};
task<> calls_are_no_declarations(tcp::socket& s) {
    prepare(s);
    s.flag = true;
    ++counter;
    co_await hello(s);
    if (co_await more(s)) done();  // finds: plain-condition
}

task<> named_in_the_condition(tcp::socket& s) { if (std::size_t n = co_await s.recv(b)) done(n); }
task<> with_an_initialiser(tcp::socket& s) { if (auto n = co_await s.recv(b); n > 0) done(n); }
task<> with_a_variable(tcp::socket& s) {
    std::array<char, 10> buffer;
    while (co_await s.recv(buffer) > 0) {}
}
task<> with_a_pointer(tcp::socket& s) {
    char* const* buffer = nullptr;
    while (co_await s.recv(buffer) > 0) {}
}
task<> with_a_binding(tcp::socket& s) {
    const auto [a, b] = co_await both(s);
    while (co_await more(s)) {}
}
task<> declared_behind_it(tcp::socket& s) {
    while (co_await more(s)) {}
    int late = 0;
    use(late);
}
task<> with_an_object(tcp::socket& s) {
    coil::buffered_reader<tcp::socket&> reader(s);
    while (co_await reader.read_line()) {}
}
task<> await_in_the_body(tcp::socket& s) { while (is_open()) co_await more(s); }
task<> await_in_a_lambda(tcp::socket& s) {
    if (find([](int x) -> task<bool> { co_return co_await more(x); })) done();
    co_await hello(s);
}
int not_a_coroutine() { return f() ? 1 : 2; }

task<> races() {
    co_await coil::when_any(a(), b());  // finds: dropped-race
    co_await first_success(a(), b());  // finds: dropped-race
    if (ready)
        co_await coil::when_any(a(), b());  // finds: dropped-race
    else
        co_await coil::when_any(a(), b());  // finds: dropped-race
    auto race = co_await coil::when_any(a(), b());
    static_cast<void>(co_await coil::when_any(a(), b()));
    (co_await coil::when_any(a(), b())).get<0>().value();
    co_await coil::when_all(a(), b());
    co_return co_await coil::when_any(a(), b());
}
'''

ALLOCATIONS = r'''
task<> allocations() {
    auto* a = new mutex_lock(co_await m.lock());  // finds: new-of-await
    auto* b = new coil::mutex_lock{co_await m.lock()};  // finds: new-of-await
    new (place) mutex_lock(co_await m.lock());  // finds: new-of-await
    std::unique_ptr<box<int, 2>> c(new box<int, 2>(co_await boxes.take(1, 2)));  // finds: new-of-await
    auto* d = new mutex_lock(pass(
        co_await m.lock()));  // finds: new-of-await
    auto named = co_await m.lock();
    auto* e = new mutex_lock(std::move(named));
    auto* f = new mutex_lock(std::move(co_await m.lock()));
    auto* g = new pair(co_await m.lock(), 1);
    auto h = std::make_unique<mutex_lock>(co_await m.lock());
    auto* i = new server([]() -> task<> { auto lock = co_await m.lock(); });
    co_await use(new int(1));
    auto* j = new int[4];
    co_await hello(new server);
}
void* operator new(std::size_t size) { return take(size); }
'''

TERNARIES = r'''
task<> ternaries() {
    auto a = whole ? co_await read() : co_await recv();  // finds: ternary-await
    auto b = whole ? read()
                   : co_await recv();  // finds: ternary-await
    auto c = co_await is_even() ? 1 : 2;
    for (auto& each: co_await all()) use(whole ? each : 0);
    switch (whole) { case 1: co_await read(); }
    use(whole ? f([]() -> task<> { co_await read(); }) : g());
    co_await (whole ? one() : other());
}
'''

LISTS = r'''
task<> lists() {
    co_await sum({1, 2});  // finds: braced-list
    const int n = co_await coil::timeout(sum(5, {1, 2}), 5s);  // finds: braced-list
    auto named = sum({1, 2});
    co_await std::move(named);
    co_await work([] { return 1; });
    co_await work({});
}
'''


def run(tool, *arguments):
    done = subprocess.run([sys.executable, tool, *arguments], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def findings(output):
    return {(int(m.group(1)), m.group(2)) for m in re.finditer(r':(\d+): ([a-z-]+): ', output)}


def expect(holds, text):
    if not holds:
        sys.exit(f'check_coroutines: {text}')


def expect_marked(tool, folder, text, *options):
    path = os.path.join(folder, 'samples.cpp')
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
    marked = {(i, m.group(1)) for i, line in enumerate(text.split('\n'), 1)
              if (m := re.search(r'// finds: ([a-z-]+)', line))}
    status, output, errors = run(tool, *options, path)
    expect(status == 1, f'status {status} for the samples\n{errors}')
    expect(findings(output) == marked, f'missed {sorted(marked - findings(output))}, invented '
                                       f'{sorted(findings(output) - marked)}\n{output}')
    texts = {int(m.group(1)): m.group(2) for m in re.finditer(r':(\d+): [a-z-]+: (.*)', output)}
    for number, line in enumerate(text.split('\n'), 1):
        if hint := re.search(r'// hint: (.+)', line):
            expect(hint.group(1) in texts[number],
                   f'line {number} lacks the hint "{hint.group(1)}": {texts[number]}')


def main(source_dir, extracted):
    tool = os.path.join(source_dir, 'tools', 'check_coroutines')
    with tempfile.TemporaryDirectory() as folder:
        for samples in (SAMPLES, ALLOCATIONS, TERNARIES):
            expect_marked(tool, folder, samples)
        expect_marked(tool, folder, LISTS, '--braced-lists')

        fine = os.path.join(folder, 'fine.cpp')
        with open(fine, 'w', encoding='utf-8') as file:
            file.write('int main() {}\n')
        with open(os.path.join(folder, 'compile_commands.json'), 'w', encoding='utf-8') as file:
            json.dump([{'directory': source_dir, 'file': 'lib/loop/io_context.cpp', 'command': ''}], file)
        expect(run(tool, '-p', folder)[0] == 0, 'a clean build has findings')
        expect(run(tool, fine)[0] == 0, 'a clean file has findings')
        expect(run(tool)[0] == 2 and run(tool, '--nonsense')[0] == 2, 'wrong usage is status 2')
        expect(run(tool, '-p', os.path.join(folder, 'none'))[0] == 2, 'no database is status 2')

    own = []
    for room in ('include', 'lib', 'examples', 'tests', 'bench', 'tools'):
        for place, folders, names in os.walk(os.path.join(source_dir, room)):
            folders[:] = [each for each in folders if each != 'must_not_compile']
            own += [os.path.join(place, name) for name in names if name.endswith(('.cpp', '.hpp'))]
    status, output, errors = run(tool, *sorted(own))
    expect(status == 0, f'coil has findings\n{output}{errors}')

    pages = [os.path.join(extracted, name) for name in sorted(os.listdir(extracted)) if name.endswith('.cpp')]
    expect(pages, f'no pages in {extracted}')
    _, output, _ = run(tool, *pages)
    lines = output.splitlines()
    expect(len(lines) == 1 and 'compilers' in lines[0] and 'plain-condition' in lines[0],
           f'expected one finding, the example in compilers.md\n{output}')


if __name__ == '__main__':
    main(*sys.argv[1:])
