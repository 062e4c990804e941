// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fcntl.h>
#include <map>
#include <memory>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "support/counting.hpp"

namespace {

// Wraps the chosen reporter. After all benchmarks have run, prints on stderr how long each benchmark took
// relative to its counterparts on bare liburing and on Boost.Asio. The ratios are computed for each
// repetition.
class reporter_with_ratios final : public benchmark::BenchmarkReporter {
public:
    bool ReportContext(const Context& context) override { return inner_->ReportContext(context); }

    void ReportRuns(const std::vector<Run>& runs) override {
        inner_->ReportRuns(summary_of(runs));
        for (const Run& run: runs) {
            if (run.iterations == 0)
                continue;
            if (run.run_type == Run::RT_Iteration)
                repetitions_[run.run_name.str()].add(run);
            else if (run.aggregate_name == "median")
                medians_[run.run_name.str()].add(run);
        }
    }

    void Finalize() override {
        inner_->Finalize();
        const times_by_name& all = repetitions_.empty() ? medians_ : repetitions_;
        print_ratios(all, "bare liburing", "bare/");
        print_ratios(all, "Boost.Asio", "asio/");
    }

private:
    // For a repeated benchmark, keeps only the median and the coefficient of variation. Google Benchmark
    // reports the repetitions in one call and their aggregates in a second call.
    static std::vector<Run> summary_of(const std::vector<Run>& runs) {
        std::vector<Run> read;
        for (const Run& run: runs)
            if (runs.size() == 1 || run.aggregate_name == "median" || run.aggregate_name == "cv")
                read.push_back(run);
        return read;
    }

    // The times that one benchmark took, with one entry per repetition.
    struct times {
        std::vector<double> real;
        std::vector<double> cpu;

        void add(const Run& run) {
            real.push_back(run.GetAdjustedRealTime());
            cpu.push_back(run.GetAdjustedCPUTime());
        }
    };
    using times_by_name = std::map<std::string, times>;

    static void print_ratios(const times_by_name& all, const std::string& rival, const std::string& prefix) {
        bool is_first = true;
        for (const auto& [name, measured]: all) {
            const auto twin = all.find(prefix + name);
            if (twin == all.end() || twin->second.real.size() != measured.real.size())
                continue;
            if (std::exchange(is_first, false))
                std::fprintf(stderr, "\n%-48s %20s   %20s\n%-48s %6s %6s %6s   %6s %6s %6s\n",
                             ("Ratio to " + rival + ":").c_str(), "time", "CPU time", "", "median", "least",
                             "most", "median", "least", "most");
            const auto real = sorted_ratios(measured.real, twin->second.real);
            const auto cpu = sorted_ratios(measured.cpu, twin->second.cpu);
            std::fprintf(stderr, "%-48s %6.3f %6.3f %6.3f   %6.3f %6.3f %6.3f\n", name.c_str(),
                         real[real.size() / 2], real.front(), real.back(), cpu[cpu.size() / 2], cpu.front(),
                         cpu.back());
        }
    }

    static std::vector<double> sorted_ratios(std::vector<double> times, const std::vector<double>& to) {
        for (std::size_t i = 0; i < times.size(); ++i)
            times[i] /= to[i];
        std::sort(times.begin(), times.end());
        return times;
    }

    std::unique_ptr<BenchmarkReporter> inner_{benchmark::CreateDefaultDisplayReporter()};
    times_by_name repetitions_;
    times_by_name medians_;  // used with --benchmark_report_aggregates_only
};

// Keeps the CPUs awake while this object exists. Waking a halted virtual CPU involves the host, and would
// dominate any measurement that involves two threads. Keeping the CPUs awake needs root; without root, the
// figures are worse.
class awake {
public:
    awake() noexcept : request_(::open("/dev/cpu_dma_latency", O_WRONLY | O_CLOEXEC)) {
        const std::int32_t microseconds = 0;
        if (request_ >= 0 && ::write(request_, &microseconds, sizeof microseconds) < 0)
            ::close(std::exchange(request_, -1));
    }
    awake(const awake&) = delete;
    awake& operator=(const awake&) = delete;
    ~awake() {
        if (request_ >= 0)
            ::close(request_);
    }

private:
    int request_;
};

}  // namespace

// coil_bench [--self_check] [options of Google Benchmark]
//
//     coil_bench --benchmark_filter=tcp
int main(int argc, char** argv) {
    // Runs several short, interleaved repetitions, so that changes in the machine's speed affect all
    // benchmarks equally.
    std::vector<std::string> words{argv[0], "--benchmark_repetitions=9", "--benchmark_min_time=0.05",
                                   "--benchmark_enable_random_interleaving=true"};
    words.insert(words.end(), argv + 1, argv + argc);  // a later option overrides an earlier one
    if (std::find(words.begin(), words.end(), "--self_check") != words.end())
        return coil::bench::check_counters();

    std::vector<char*> arguments;
    arguments.reserve(words.size());
    for (std::string& word: words)
        arguments.push_back(word.data());
    argc = static_cast<int>(arguments.size());
    benchmark::Initialize(&argc, arguments.data());
    if (benchmark::ReportUnrecognizedArguments(argc, arguments.data()))
        return 1;
    const awake cpus;
    reporter_with_ratios reporter;
    benchmark::RunSpecifiedBenchmarks(&reporter);
    benchmark::Shutdown();
    return 0;
}
