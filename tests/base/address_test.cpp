// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/base/address.hpp>

#include <gtest/gtest.h>

#include <net/if.h>
#include <sys/resource.h>

#include <cstdint>
#include <exception>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <type_traits>
#include <unordered_set>
#include <vector>

using namespace coil::ip;
using namespace std::string_literals;

static_assert(std::is_trivially_copyable_v<address_v4> && sizeof(address_v4) == 4);
static_assert(std::is_trivially_copyable_v<address_v6> && sizeof(address_v6) == 20);
static_assert(std::is_trivially_copyable_v<address> && sizeof(address) == 24);
static_assert(address_v4({127, 0, 0, 1}) == address_v4::loopback());
static_assert(address_v4(0xc0000201u).to_bytes() == address_v4::bytes_type{192, 0, 2, 1});
static_assert(address(address_v4::loopback()).to_v6().is_v4_mapped());
static_assert(noexcept(make_address("", std::declval<std::error_code&>())));

namespace {

struct spelling {
    std::string text;
    std::string canonical;
};

const std::vector<spelling> good_v4 = {
    {"0.0.0.0", "0.0.0.0"},     {"127.0.0.1", "127.0.0.1"}, {"255.255.255.255", "255.255.255.255"},
    {"192.0.2.1", "192.0.2.1"}, {"10.0.0.9", "10.0.0.9"},   {"1.20.30.100", "1.20.30.100"},
};

const std::vector<spelling> good_v6 = {
    {"::", "::"},
    {"::1", "::1"},
    {"0:0:0:0:0:0:0:1", "::1"},
    {"2001:db8::1", "2001:db8::1"},
    {"2001:DB8::ABCD", "2001:db8::abcd"},
    {"2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
    {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},  // a single zero is not compressed
    {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},           // the longest run is compressed
    {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},     // the first of equal runs is compressed
    {"1::", "1::"},
    {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
    {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
    {"::ffff:c000:201", "::ffff:192.0.2.1"},
    {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
    {"fe80::1", "fe80::1"},
    {"fe80::1%0", "fe80::1"},
    {"fe80::1%lo", "fe80::1%lo"},
    {"fe80::1%4294967295", "fe80::1%4294967295"},  // no such interface: printed as a number
    {"ff02::fb%lo", "ff02::fb%lo"},
};

// clang-format off
const std::vector<std::string> bad_v4 = {
    "", " ", ".", "1", "127", "127.1", "1.2.3", "1.2.3.", ".1.2.3", "1.2.3.4.", "1.2.3.4.5", "1..2.3",
    "256.0.0.1", "1.2.3.256", "1.2.3.1000", "-1.2.3.4", "+1.2.3.4", "1.2.3.-4", "0x7f.0.0.1", "0x7f000001",
    "2130706433", "01.2.3.4", "1.2.3.04", "000.0.0.0", " 1.2.3.4", "1.2.3.4 ", "1.2.3.4\n", "\t1.2.3.4",
    "1.2. 3.4", "1.2.3.4/24", "1.2.3.4%lo", "1.2.3.4x", "a.b.c.d", "localhost", "1.2.3.4\0"s, "1.2.3.4\0x"s,
    "\0"s, "1.2\0.3.4"s, std::string(15, '1'), std::string(16, '1'), std::string(100000, '1'), "\xff\xfe",
    "\xd9\xa1.2.3.4",
};

const std::vector<std::string> bad_v6 = {
    ":", ":::", "1", "1:2", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "::1::", ":1:2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7:", ":1::", "12345::", "::g", "::-1", "::0x1", "::1 ", " ::1", ":: 1", "::1\n", "[::1]",
    "[::1", "::1]", "::1/64", "::1\0"s, "::1\0x"s, "::\0"s, "1", "::1.2.3", "::1.2.3.4.5", "::256.1.1.1",
    "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4", "1:2:3:4:5:6:7:8::", "::01.2.3.4", "%lo", "::%", "fe80::1%",
    "fe80::1%lo ", "fe80::1% lo", "fe80::1%lo\n", "fe80::1%lo\0"s, "fe80::1%lo:1", "fe80::1%lo/1",
    "fe80::1%4294967296", "fe80::1%99999999999999999999", "fe80::1%1:80", std::string(45, '0'),
    std::string(46, ':'), std::string(100000, ':'), "::" + std::string(100000, '1'),
};

const std::vector<std::string> no_such_interface = {
    "fe80::1%no_such_if", "fe80::1%-1", "fe80::1%+1", "fe80::1%1x", "fe80::1%0x1", "fe80::1%.",
    "fe80::1%lo%lo", "fe80::1%fifteen_letters", "fe80::1%sixteen_letters_", "fe80::1%%lo",
    "fe80::1%" + std::string(100000, 'x'),
};
// clang-format on

/// The message of the std::system_error that `function` throws, or "" if it does not throw.
template <class Function>
std::string error_text(Function function) {
    try {
        function();
    } catch (const std::system_error& failure) {
        return failure.what();
    }
    return "";
}

void expect_mentions(const std::string& text, std::initializer_list<const char*> words) {
    for (const char* word: words)
        EXPECT_NE(text.find(word), std::string::npos) << "no <" << word << "> in: " << text;
}

}  // namespace

TEST(Address, ParsesAndPrintsIPv4) {
    for (const auto& [text, canonical]: good_v4) {
        std::error_code error = std::make_error_code(std::errc::io_error);
        const address value = make_address(text, error);
        EXPECT_FALSE(error) << text;
        EXPECT_TRUE(value.is_v4()) << text;
        EXPECT_EQ(value.to_string(), canonical);
        EXPECT_EQ(value, make_address(text));
        EXPECT_EQ(value, make_address_v4(text));
        EXPECT_EQ(make_address(value.to_string()), value);
    }
}

TEST(Address, ParsesAndPrintsCanonicalIPv6) {
    for (const auto& [text, canonical]: good_v6) {
        std::error_code error = std::make_error_code(std::errc::io_error);
        const address value = make_address(text, error);
        EXPECT_FALSE(error) << text;
        EXPECT_TRUE(value.is_v6()) << text;
        EXPECT_EQ(value.to_string(), canonical) << text;
        EXPECT_EQ(value, make_address(text));
        EXPECT_EQ(value, make_address_v6(text));
        EXPECT_EQ(make_address(value.to_string()), value);
    }
}

TEST(Address, RejectsInvalidText) {
    std::vector<std::string> bad = bad_v4;
    bad.insert(bad.end(), bad_v6.begin(), bad_v6.end());
    for (const std::string& text: bad) {
        std::error_code error;
        EXPECT_EQ(make_address(text, error), address()) << text.substr(0, 60);
        EXPECT_EQ(error, std::errc::invalid_argument) << text.substr(0, 60);
        EXPECT_EQ(make_address_v4(text, error), address_v4());
        EXPECT_EQ(error, std::errc::invalid_argument) << text.substr(0, 60);
        EXPECT_EQ(make_address_v6(text, error), address_v6());
        EXPECT_EQ(error, std::errc::invalid_argument) << text.substr(0, 60);
        EXPECT_THROW(make_address(text), std::system_error) << text.substr(0, 60);
    }
}

TEST(Address, FamilyParsersRejectTheOtherFamily) {
    std::error_code error;
    for (const auto& [text, canonical]: good_v6) {
        make_address_v4(text, error);
        EXPECT_EQ(error, std::errc::invalid_argument) << text;
    }
    for (const auto& [text, canonical]: good_v4) {
        make_address_v6(text, error);
        EXPECT_EQ(error, std::errc::invalid_argument) << text;
    }
}

TEST(Address, ReadsOnlyTheGivenView) {
    const std::string_view text = "192.0.2.12001:db8::1";
    EXPECT_EQ(make_address(text.substr(0, 9)).to_string(), "192.0.2.1");
    EXPECT_EQ(make_address(text.substr(9)).to_string(), "2001:db8::1");
    std::error_code error;
    make_address(std::string_view(), error);
    EXPECT_EQ(error, std::errc::invalid_argument);
}

TEST(Address, ErrorShowsTextAndExamples) {
    expect_mentions(
        error_text([] { make_address("300.1.1.1"); }),
        {"make_address: ", "\"300.1.1.1\"", "192.0.2.1", "2001:db8::1", "without a port", "resolver"});
    expect_mentions(error_text([] { make_address_v4("::1"); }), {"make_address_v4: ", "\"::1\"", "0 to 255"});
    expect_mentions(error_text([] { make_address_v6("1.2.3.4"); }),
                    {"make_address_v6: ", "\"1.2.3.4\"", "fe80::1%eth0"});
    expect_mentions(error_text([] { make_address("\x1b[31m\0\"x"s); }), {R"("\x1b[31m\x00\"x")"});
    EXPECT_LT(error_text([] { make_address(std::string(100000, 'x')); }).size(), 400u);
}

TEST(Address, ScopeIsInterfaceOrNumber) {
    const unsigned loopback = if_nametoindex("lo");
    ASSERT_NE(loopback, 0u);
    const address_v6 named = make_address_v6("fe80::1%lo");
    EXPECT_EQ(named.scope_id(), loopback);
    EXPECT_EQ(make_address_v6("fe80::1%" + std::to_string(loopback)), named);
    EXPECT_EQ(make_address_v6("fe80::1%00" + std::to_string(loopback)), named);
    EXPECT_EQ(named.to_string(), "fe80::1%lo");
    EXPECT_EQ(address(named).to_v6().scope_id(), loopback);
    EXPECT_NE(named, make_address_v6("fe80::1"));

    address_v6 changed = named;
    changed.scope_id(0);
    EXPECT_EQ(changed, make_address_v6("fe80::1"));
}

TEST(Address, ReportsMissingInterface) {
    for (const std::string& text: no_such_interface) {
        std::error_code error;
        EXPECT_EQ(make_address(text, error), address());
        EXPECT_EQ(error, std::errc::no_such_device) << text.substr(0, 60);
        make_address_v6(text, error);
        EXPECT_EQ(error, std::errc::no_such_device) << text.substr(0, 60);
    }
    expect_mentions(error_text([] { make_address("fe80::1%no_such_if"); }),
                    {"\"fe80::1%no_such_if\"", "interface that does not exist", "ip link", "number"});
}

// Looking up an interface needs a descriptor. Without one, the interface must not be reported as missing.
TEST(Address, ReportsFailedInterfaceLookup) {
    const std::string number = std::to_string(if_nametoindex("lo"));
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    rlimit none = before;
    none.rlim_cur = 0;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    std::error_code error;
    const address named = make_address("fe80::1%lo", error);
    std::error_code numbered_error;
    const address numbered = make_address("fe80::1%" + number, numbered_error);
    const std::string printed = numbered.to_string();
    std::exception_ptr thrown;  // checked later: UBSan needs descriptors to check a pointer
    try {
        make_address("fe80::1%lo");
    } catch (...) {
        thrown = std::current_exception();
    }
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);

    EXPECT_EQ(error, std::errc::resource_unavailable_try_again);
    EXPECT_EQ(named, address());
    EXPECT_FALSE(numbered_error);
    EXPECT_EQ(printed, "fe80::1%" + number);
    ASSERT_TRUE(thrown);
    expect_mentions(error_text([&] { std::rethrow_exception(thrown); }),
                    {"fe80::1%lo", "cannot be looked up", "write its number"});
}

TEST(Address, ClassifiesSpecialAddresses) {
    struct row {
        const char* text;
        const char* kinds;  // u: unspecified, l: loopback, m: multicast, k: link-local, 4: mapped
    };
    const row rows[] = {
        {"0.0.0.0", "u"},
        {"0.0.0.1", ""},
        {"126.255.255.255", ""},
        {"127.0.0.0", "l"},
        {"127.255.255.255", "l"},
        {"128.0.0.0", ""},
        {"169.253.0.1", ""},
        {"169.254.0.1", "k"},
        {"169.255.0.1", ""},
        {"223.255.255.255", ""},
        {"224.0.0.0", "m"},
        {"239.255.255.255", "m"},
        {"240.0.0.0", ""},
        {"255.255.255.255", ""},
        {"::", "u"},
        {"::1", "l"},
        {"::2", ""},
        {"1::1", ""},
        {"fe7f::1", ""},
        {"fe80::", "k"},
        {"febf::1", "k"},
        {"fec0::1", ""},
        {"feff::", ""},
        {"ff00::", "m"},
        {"ff02::1%lo", "m"},
        {"::ffff:0:0", "4"},
        {"::ffff:127.0.0.1", "4"},
        {"::fffe:7f00:1", ""},
        {"::7f00:1", ""},
        {"1::ffff:127.0.0.1", ""},
        {"fe80::1%lo", "k"},
    };
    for (const auto& [text, kinds]: rows) {
        const address value = make_address(text);
        std::string found;
        if (value.is_unspecified())
            found += 'u';
        if (value.is_loopback())
            found += 'l';
        if (value.is_multicast())
            found += 'm';
        if (value.is_link_local())
            found += 'k';
        if (value.is_v4_mapped())
            found += '4';
        EXPECT_EQ(found, kinds) << text;
    }
    EXPECT_EQ(address(), address_v4::any());
    EXPECT_EQ(address_v4::any().to_string(), "0.0.0.0");
    EXPECT_EQ(address_v4::loopback().to_string(), "127.0.0.1");
    EXPECT_EQ(address_v4::broadcast().to_string(), "255.255.255.255");
    EXPECT_EQ(address_v6::any().to_string(), "::");
    EXPECT_EQ(address_v6::loopback().to_string(), "::1");
}

TEST(Address, ConvertsToBytesAndNumber) {
    const address_v4 v4 = make_address_v4("192.0.2.1");
    EXPECT_EQ(v4.to_uint(), 0xc0000201u);
    EXPECT_EQ(address_v4(v4.to_uint()), v4);
    EXPECT_EQ(address_v4(v4.to_bytes()), v4);
    const address_v6 v6 = make_address_v6("2001:db8::102");
    EXPECT_EQ(v6.to_bytes()[0], 0x20);
    EXPECT_EQ(v6.to_bytes()[15], 0x02);
    EXPECT_EQ(address_v6(v6.to_bytes()), v6);
    EXPECT_EQ(address(v4).to_v4(), v4);
    EXPECT_EQ(address(v6).to_v6(), v6);
}

TEST(Address, MappedAddressHoldsIPv4) {
    const address_v4 v4 = make_address_v4("192.0.2.1");
    const address_v6 mapped = address_v6::v4_mapped(v4);
    EXPECT_EQ(mapped.to_string(), "::ffff:192.0.2.1");
    EXPECT_EQ(mapped.to_v4(), v4);
    EXPECT_EQ(address(mapped).to_v4(), v4);
    EXPECT_EQ(address(v4).to_v6(), mapped);
    EXPECT_EQ(address(mapped).unmapped(), address(v4));
    EXPECT_EQ(address(v4).unmapped(), address(v4));
    EXPECT_EQ(make_address("2001:db8::1").unmapped(), make_address("2001:db8::1"));
    EXPECT_NE(address(mapped), address(v4));
    EXPECT_TRUE(make_address("::ffff:127.0.0.1").unmapped().is_loopback());
    expect_mentions(error_text([] { make_address_v6("::1").to_v4(); }), {"::1", "is not an IPv4 address"});
    EXPECT_THROW(make_address("2001:db8::1").to_v4(), std::system_error);
}

TEST(Address, ComparesAndHashesConsistently) {
    // In ascending order: IPv4 by number, then IPv6 by bytes, then by scope.
    std::vector<address> sorted;
    for (const char* text:
         {"0.0.0.0",          "0.0.0.1",         "1.0.0.0",     "9.0.0.0", "10.0.0.0",  "127.0.0.1",
          "200.0.0.1",        "255.255.255.255", "::",          "::%1",    "::1",       "::ffff:0.0.0.1",
          "::ffff:127.0.0.1", "100::",           "2001:db8::1", "fe80::1", "fe80::1%1", "fe80::1%2",
          "fe80::1%300",      "fe80::2",         "ffff::"})
        sorted.push_back(make_address(text));
    std::unordered_set<std::size_t> hashes;
    for (std::size_t i = 0; i < sorted.size(); ++i) {
        for (std::size_t j = 0; j < sorted.size(); ++j) {
            EXPECT_EQ(sorted[i] <=> sorted[j], i <=> j) << sorted[i] << ' ' << sorted[j];
            EXPECT_EQ(sorted[i] == sorted[j], i == j) << sorted[i] << ' ' << sorted[j];
        }
        const address same = make_address(sorted[i].to_string());
        EXPECT_EQ(std::hash<address>()(sorted[i]), std::hash<address>()(same));
        hashes.insert(std::hash<address>()(sorted[i]));
    }
    EXPECT_EQ(hashes.size(), sorted.size());
    EXPECT_EQ(std::hash<address>()(address_v4::loopback()), std::hash<address_v4>()(address_v4::loopback()));
    EXPECT_EQ(std::hash<address>()(address_v6::loopback()), std::hash<address_v6>()(address_v6::loopback()));
    EXPECT_LT(make_address_v4("9.0.0.0"), make_address_v4("10.0.0.0"));
    EXPECT_LT(make_address_v6("::1"), make_address_v6("::2"));
}

// Hash maps have a power of two or a prime number of buckets, and the addresses of peers are often adjacent.
TEST(Address, AdjacentHashesFillBuckets) {
    std::set<std::size_t> low_v4;
    std::set<std::size_t> low_v6;
    for (std::uint32_t i = 0; i < 4096; ++i) {
        low_v4.insert(std::hash<address>()(address_v4(0x0a000000u + i)) & 4095);
        address_v6::bytes_type bytes = make_address_v6("2001:db8::").to_bytes();
        bytes[6] = static_cast<unsigned char>(i >> 8);  // adjacent networks, same host
        bytes[7] = static_cast<unsigned char>(i);
        low_v6.insert(std::hash<address>()(address_v6(bytes)) & 4095);
    }
    // A random hash fills 63 %.
    EXPECT_GT(low_v4.size(), 2400u);
    EXPECT_GT(low_v6.size(), 2400u);
}

TEST(Address, RoundTripsThroughText) {
    std::mt19937 random(20260);
    for (int i = 0; i < 2000; ++i) {
        address_v6::bytes_type bytes{};
        for (auto& byte: bytes)
            byte = random() % 3 != 0 ? static_cast<unsigned char>(0) : static_cast<unsigned char>(random());
        if (random() % 8 == 0)
            bytes = address_v6::v4_mapped(address_v4(static_cast<std::uint32_t>(random()))).to_bytes();
        const address v6 = address_v6(
            bytes, random() % 2 == 0 ? 0 : 4000000000u + static_cast<std::uint32_t>(random() % 100));
        EXPECT_EQ(make_address(v6.to_string()), v6) << v6;
        const address v4 = address_v4(static_cast<std::uint32_t>(random()));
        EXPECT_EQ(make_address(v4.to_string()), v4) << v4;
    }
}

TEST(Address, DamagedTextFailsOrRoundTrips) {
    const std::string alphabet("019afg:.%[]/ \0\xff", 15);
    for (const std::string text: {"192.0.2.10", "2001:db8::1", "::ffff:192.0.2.1", "fe80::1%lo"}) {
        for (std::size_t i = 0; i <= text.size(); ++i) {
            for (const char c: alphabet) {
                std::string inserted = text;
                inserted.insert(i, 1, c);
                std::string replaced = text;
                if (i < text.size())
                    replaced[i] = c;
                for (const std::string& damaged: {inserted, replaced, text.substr(0, i), text.substr(i)}) {
                    std::error_code error;
                    const address value = make_address(damaged, error);
                    if (error)
                        EXPECT_EQ(value, address());
                    else
                        EXPECT_EQ(make_address(value.to_string()), value) << damaged;
                }
            }
        }
    }
}

TEST(Address, PrintsToStream) {
    std::ostringstream out;
    out << make_address("192.0.2.1") << ' ' << address_v4::loopback() << ' ' << address_v6::loopback();
    EXPECT_EQ(out.str(), "192.0.2.1 127.0.0.1 ::1");
}
