using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Ssb.Conn.Net;

namespace Ssb.Conn.Soak;

/// <summary>One peer for a long time among others that come and go: what it holds, sampled, and whether that is flat.</summary>
internal sealed class SoakRun : IDisposable
{
    private static readonly TimeSpan s_sampling = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_guard = TimeSpan.FromSeconds(90); // for all to end: we send to the deaf for 30 s

    private readonly SoakOptions _options;
    private readonly string _folder = Directory.CreateTempSubdirectory("ssb-conn-soak-").FullName;
    private readonly Cast _cast;
    private readonly Leaks _leaks;
    private readonly Host _host;
    private readonly AddressBook _book;
    private readonly int _lanPort = FreeUdpPort();
    private readonly Verdict _verdict = new();
    private readonly List<Sample> _samples = [];
    private readonly string _name;
    private long _accepted, _failedHandshakes, _refused; // of the first half
    private double _restartedAt;

    private SoakRun(SoakOptions options)
    {
        _options = options;
        _cast = new Cast(options.Seed);
        _leaks = new Leaks(options.Leak);
        _host = new Host(_cast, _folder, _lanPort, _leaks);
        _book = new AddressBook(_cast, _host, _leaks);
        Directory.CreateDirectory(options.Output);
        _name = Path.Combine(options.Output, string.Create(CultureInfo.InvariantCulture, $"{TimeProvider.System.GetUtcNow():yyyy-MM-dd}-soak"));
    }

    public static async Task<int> RunAsync(SoakOptions options)
    {
        using var run = new SoakRun(options);
        return await run.RunAsync();
    }

    public void Dispose()
    {
        _book.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task<int> RunAsync()
    {
        double seconds = _options.Minutes * 60;
        await _host.StartAsync();
        var id = _host.Peer.Id;
        await Task.Delay(s_sampling, TimeProvider.System);
        Sample rest = Sample.Take(_host, 0, isFull: true);

        long start = Stopwatch.GetTimestamp();
        using var over = new CancellationTokenSource();
        using CrowdProcess crowd = CrowdProcess.Start(_cast, _lanPort, _host);
        Task changing = _book.RunAsync(crowd, over.Token);
        await SampleAsync(start, seconds, crowd);
        await over.CancelAsync();
        await changing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (changing.Exception is { } fault)
            _verdict.Fail($"The address book could not be changed: {fault.InnerException!.Message}"); // a fault has one
        if (_host.Peer.Id != id)
            _verdict.Fail("It is somebody else since it was started anew.");

        await crowd.StopAsync();
        await EmptyAsync();
        Sample after = Sample.Take(_host, seconds, isFull: true);
        _verdict.Judge(_samples, seconds);
        _verdict.JudgeRest(rest, after);
        CountCallers();
        await CloseAsync("at the end");
        string report = Report(crowd, seconds);
        await WriteAsync(".md", report);
        await WriteAsync(".svg", Plot.Draw($"A peer for {_options.Minutes:0} minutes among others that come and go", _samples, seconds, _restartedAt));
        Console.WriteLine(report);
        return _verdict.Failures.Count == 0 ? 0 : 1;
    }

    private async Task WriteAsync(string extension, string text)
    {
        await using var file = new StreamWriter(CreateNew(extension));
        await file.WriteAsync(text);
    }

    // Where others may write to the folder, such as /tmp, a link of theirs with this name is not followed.
    private FileStream CreateNew(string extension)
    {
        File.Delete(_name + extension);
        return new FileStream(_name + extension, FileMode.CreateNew);
    }

    private async Task SampleAsync(long start, double seconds, CrowdProcess crowd)
    {
        await using var csv = new StreamWriter(CreateNew(".csv")) { AutoFlush = true };
        await csv.WriteLineAsync(Sample.CsvHead);
        double full = Math.Min(60, seconds / 24), nextFull = 0; // so that a quarter has six of them, if it is short
        double now;
        using var ticks = new PeriodicTimer(s_sampling, TimeProvider.System);
        do
        {
            await ticks.WaitForNextTickAsync();
            now = Stopwatch.GetElapsedTime(start).TotalSeconds;
            if (_restartedAt == 0 && now >= seconds / 2)
            {
                _restartedAt = now;
                await RestartAsync(crowd);
            }

            bool isFull = now >= nextFull;
            if (isFull)
                nextFull = now + full;
            Sample sample;
            using (await _book.TakeTurnAsync())
            {
                sample = Sample.Take(_host, Stopwatch.GetElapsedTime(start).TotalSeconds, isFull);
                if (sample.Book != _book.ModelCount)
                    _verdict.Fail($"After {now:0} s the address book has {sample.Book} peers, not {_book.ModelCount}.");
            }

            _samples.Add(sample);
            await csv.WriteLineAsync(sample.ToCsv());
        }
        while (now < seconds && !crowd.HasEnded);
        if (crowd.HasEnded)
            _verdict.Fail($"The others have ended by themselves after {now:0} s.");
    }

    private async Task RestartAsync(CrowdProcess crowd)
    {
        using IDisposable turn = await _book.TakeTurnAsync();
        CountCallers();
        await CloseAsync("when it was started anew");
        await _host.StartAsync();
        Compare(AddressBook.Read(_host.Peer.Conn), "after it was started anew");
        crowd.TellAddress();
    }

    private async Task CloseAsync(string when)
    {
        PeerNetwork network = _host.Peer.Network;
        try
        {
            await _host.DisposeAsync().AsTask().WaitAsync(s_guard, TimeProvider.System);
            await _book.DialsEnded().WaitAsync(s_guard, TimeProvider.System);
        }
        catch (TimeoutException)
        {
            _verdict.Fail($"It did not end within {s_guard.TotalSeconds:0} s, {when}.");
        }

        if (network.RunningTasks != 0 || network.Connections.Count != 0)
            _verdict.Fail($"It ended {when} with {network.RunningTasks} tasks and {network.Connections.Count} connections left.");
        Compare(AddressBook.Read(_folder), $"in the file, {when}");
    }

    private void Compare(IEnumerable<(string, System.Text.Json.JsonElement)> there, string where)
    {
        IReadOnlyList<string> wrong = _book.Compare(there);
        if (wrong.Count > 0)
            _verdict.Fail($"The address book is wrong {where}: {wrong.Count} faults, the first: {wrong[0]}.");
    }

    // The crowd has gone: what it left must end by itself. Then the scheduler stops, so that nothing varies.
    private async Task EmptyAsync()
    {
        long began = Stopwatch.GetTimestamp();
        PeerNetwork network = _host.Peer.Network;
        while (network.RunningTasks + network.Connections.Count > 0 && Stopwatch.GetElapsedTime(began) < s_guard)
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System);
        await _host.Peer.Conn.StopAsync();
        await Task.Delay(s_sampling, TimeProvider.System);
    }

    private void CountCallers()
    {
        PeerNetworkCounters counters = _host.Peer.Network.Counters;
        _accepted += counters.Accepted;
        _failedHandshakes += counters.FailedHandshakes;
        _refused += counters.RefusedFull + counters.RefusedSource + counters.RefusedIdentity + counters.RefusedHandshakes + counters.Evicted;
    }

    private string Report(CrowdProcess crowd, double seconds)
    {
        Sample last = _samples[^1];
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"# Soak of {TimeProvider.System.GetUtcNow():yyyy-MM-dd}\n\n");
        text.Append(CultureInfo.InvariantCulture, $"`dotnet run -c Release --project bench/soak -- --minutes {_options.Minutes:0.##} --seed {_options.Seed}`{(_options.Leak == Leak.None ? "" : $", with a leak of {_options.Leak} on purpose")}\n\n");
        text.Append(CultureInfo.InvariantCulture, $"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}, {Environment.ProcessorCount} processors, {RuntimeInformation.FrameworkDescription}.\n");
        text.Append(_options.Note.Length == 0 ? "" : _options.Note + "\n");
        text.Append(CultureInfo.InvariantCulture, $"\n**{(_verdict.Failures.Count == 0 ? "Flat, and the address book was right." : "Not as it should be:")}**\n");
        foreach (string failure in _verdict.Failures)
            text.Append(CultureInfo.InvariantCulture, $"- {failure}\n");
        text.Append(CultureInfo.InvariantCulture, $"\n{_verdict.Table}\n");
        text.Append(CultureInfo.InvariantCulture, $"In {seconds / 60:0.#} minutes: {_accepted:N0} callers let in, {_failedHandshakes:N0} handshakes failed, {_refused:N0} callers refused by a limit; {crowd.Told:N0} peers staged;\n");
        text.Append(CultureInfo.InvariantCulture, $"{_host.Asked:N0} questions to peers answered; {_book.Changes:N0} changes of the address book and {_book.Dials:N0} dials from it, compared with the model at each\nsample (number), and in full in the file and in memory when the peer was started anew and at the end.\n");
        text.Append(CultureInfo.InvariantCulture, $"Processor: {last.CpuSeconds / last.Seconds * 100:0.#} % of a core. Load of the machine: {_samples.Average(s => s.Load):0.0} on the average.\n\n");
        text.Append(CultureInfo.InvariantCulture, $"The others, in their own words: {crowd.Did}.\n");
        return text.ToString();
    }

    private static int FreeUdpPort()
    {
        using var probe = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)probe.Client.LocalEndPoint!).Port; // it is bound
    }
}
