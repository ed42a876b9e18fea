using System.Diagnostics;
using System.Globalization;
using Ssb.Conn.Net;
using Ssb.Wire;

namespace Ssb.Conn.Soak.Hostile;

/// <summary>The peer under attack, in a process of its own, with all limits as they are by default.</summary>
internal sealed class AttackedPeer : IDisposable
{
    private readonly Process _process;

    private AttackedPeer(Process process, MultiserverAddress address) => (_process, Address) = (process, address);

    public MultiserverAddress Address { get; }

    public double CpuSeconds => Refreshed().TotalProcessorTime.TotalSeconds;

    public double RssMiB => Refreshed().WorkingSet64 / 1048576.0;

    public static KeyPair KeysOf(Cast cast) => cast.KeysOf(0);

    /// <summary>What the child does: a line <c>at ADDRESS</c>, and its counters for each line that it is sent, until its input ends.</summary>
    public static async Task<int> ServeAsync(Cast cast)
    {
        using KeyPair keys = KeysOf(cast);
        await using SsbPeer peer = await SsbPeer.StartAsync(new SsbPeerOptions { Keys = keys, NetworkKey = cast.Network, Listen = ["net:127.0.0.1:0~shs"] });
        Crowd.Say($"at {peer.Addresses[0].Text}");
        while (await Console.In.ReadLineAsync() is not null)
            Crowd.Say(Words(peer.Network.Counters));
        return 0;
    }

    public static async Task<AttackedPeer> StartAsync(Cast cast)
    {
        string[] arguments = [Path.Combine(AppContext.BaseDirectory, "Ssb.Conn.Soak.dll"), "attacked", cast.Seed.ToString(CultureInfo.InvariantCulture)];
        Process process = Process.Start(new ProcessStartInfo("dotnet", arguments) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true })!; // it is started anew
        string? line = await process.StandardOutput.ReadLineAsync();
        return new AttackedPeer(process, MultiserverAddress.Parse(line![3..])); // it says where it is, or has failed with a message
    }

    public async Task<string> CountersAsync()
    {
        await _process.StandardInput.WriteLineAsync("?");
        return await _process.StandardOutput.ReadLineAsync() ?? "it has died";
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        if (!_process.WaitForExit(TimeSpan.FromSeconds(20)))
            _process.Kill();
        _process.Dispose();
    }

    private Process Refreshed()
    {
        _process.Refresh();
        return _process;
    }

    private static string Words(PeerNetworkCounters c) => string.Join(", ", new (string What, long Count)[]
    {
        ("accepted", c.Accepted), ("failed handshakes", c.FailedHandshakes), ("evicted", c.Evicted), ("refused: handshakes", c.RefusedHandshakes),
        ("source", c.RefusedSource), ("identity", c.RefusedIdentity), ("full", c.RefusedFull),
    }.Where(x => x.Count > 0).Select(x => string.Create(CultureInfo.InvariantCulture, $"{x.What} {x.Count:N0}")));
}
