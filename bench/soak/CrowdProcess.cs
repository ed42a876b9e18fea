using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Ssb.Conn.Net;

namespace Ssb.Conn.Soak;

/// <summary>The crowd, seen from the peer under measurement: it is told where that is, and who comes is staged.</summary>
internal sealed class CrowdProcess : IDisposable
{
    private static readonly TimeSpan s_guard = TimeSpan.FromSeconds(30);

    private readonly Process _process;
    private readonly Host _host;
    private readonly Task _reading;
    private readonly ConcurrentDictionary<MultiserverAddress, bool> _here = new();

    private CrowdProcess(Process process, Host host)
    {
        (_process, _host) = (process, host);
        _reading = ReadAsync();
    }

    /// <summary>Where peers of it are, or were and did not say that they leave.</summary>
    public ICollection<MultiserverAddress> Here => _here.Keys;

    /// <summary>How many were told of.</summary>
    public long Told { get; private set; }

    /// <summary>What it did, in its own words, once it has ended.</summary>
    public string Did { get; private set; } = "";

    public static CrowdProcess Start(Cast cast, int lanPort, Host host)
    {
        string[] arguments = [Path.Combine(AppContext.BaseDirectory, "Ssb.Conn.Soak.dll"), "crowd", cast.Seed.ToString(CultureInfo.InvariantCulture), lanPort.ToString(CultureInfo.InvariantCulture)];
        var crowd = new CrowdProcess(Process.Start(new ProcessStartInfo("dotnet", arguments) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true })!, host); // it is started anew
        crowd.TellAddress();
        return crowd;
    }

    /// <summary>Has it ended? Unasked it must not.</summary>
    public bool HasEnded => _process.HasExited;

    /// <summary>After each start of the peer.</summary>
    public void TellAddress() => _process.StandardInput.WriteLine($"at {_host.Address.Text}");

    /// <summary>Its end is asked for, and waited for.</summary>
    public async Task StopAsync()
    {
        _process.StandardInput.Close();
        using var deadline = new CancellationTokenSource(s_guard, TimeProvider.System);
        await _process.WaitForExitAsync(deadline.Token);
        await _reading;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.Dispose();
    }

    private async Task ReadAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            string[] words = line.Split(' ', 2);
            if (words[0] == "did")
                Did = words[1];
            else if (words[0] is "here" or "gone" && MultiserverAddress.TryParse(words[1], out MultiserverAddress? address))
                Hear(address, isHere: words[0] == "here");
        }
    }

    private void Hear(MultiserverAddress address, bool isHere)
    {
        try
        {
            if (isHere)
            {
                Told++;
                _here[address] = true;
                _host.Peer.Conn.Stage(address, new PeerData { Type = "internet" }, source: $"soak:{Told % 8}");
            }
            else
            {
                _here.TryRemove(address, out _);
                _host.Peer.Conn.Unstage(address);
            }
        }
        catch (ObjectDisposedException)
        {
            // It is being started anew.
        }
    }
}
