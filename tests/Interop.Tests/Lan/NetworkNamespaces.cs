using System.ComponentModel;
using System.Globalization;
using Interop.Tests.Harness;

namespace Interop.Tests.Lan;

/// <summary>Several hosts on one machine (Linux): network namespaces, joined by a bridge in a namespace of its own.</summary>
/// <remarks>Host n has the interface <c>eth0</c> with 10.77.0.n/24, and nothing else until it is given more; nothing that it sends
/// leaves the bridge, and the machine's own interfaces are not touched. Needs root and iproute2; the latter is installed where apt-get is there.
/// Torn down by <see cref="DisposeAsync"/>, or by the next run when this one was killed.</remarks>
internal sealed class NetworkNamespaces : IAsyncDisposable
{
    private const string Prefix = "ssbconn-";

    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(10); // apt-get may take long
    private static readonly Lazy<Task<string?>> s_obstacle = new(FindObstacleAsync);
    private static int s_count;

    private readonly string _name = $"{Prefix}{Environment.ProcessId}-{Interlocked.Increment(ref s_count)}";
    private readonly int[] _hosts;
    private readonly HashSet<int> _lans = [];
    private int _cables;

    private NetworkNamespaces(int[] hosts) => _hosts = hosts;

    /// <summary>Makes hosts of these numbers, 1 to 254. Skips the calling test where that is not possible.</summary>
    public static async Task<NetworkNamespaces> CreateAsync(params int[] hosts)
    {
        if (!OperatingSystem.IsLinux())
            Assert.Skip("This is not Linux, the only system that has network namespaces."); // under CI=true too: nothing can be installed
        if (await s_obstacle.Value is { } obstacle)
            Needs.Missing(obstacle);
        var made = new NetworkNamespaces(hosts);
        try
        {
            await made.MakeAsync();
            return made;
        }
        catch
        {
            await Disposal.AllAsync([made]);
            throw;
        }
    }

    /// <summary>The address of a host.</summary>
    public static string Address(int host) => $"10.77.0.{host}";

    /// <summary>The command that runs a program on a host.</summary>
    public string[] On(int host, params string[] command) => ["ip", "netns", "exec", Name(host), .. command];

    /// <summary>Pulls the cable of a host, or plugs it in.</summary>
    public Task LinkAsync(int host, bool up) => IpAsync("-n", Name(host), "link", "set", "eth0", up ? "up" : "down");

    /// <summary>Takes a host's address away, or gives it one.</summary>
    public Task AddressAsync(int host, string address, bool add) => AddressAsync(host, "eth0", $"{address}/24", add);

    /// <summary>Takes an address of a card away, or gives it one, of either family: <c>10.78.0.1/24</c>, <c>fd00::1/64</c>.</summary>
    public Task AddressAsync(int host, string card, string address, bool add = true)
    {
        string[] family = address.Contains(':', StringComparison.Ordinal) ? (add ? ["nodad"] : []) : ["broadcast", "+"];
        return IpAsync(["-n", Name(host), "addr", add ? "add" : "del", address, "dev", card, .. family]);
    }

    /// <summary>Gives a host another card, which is up and has an address, on LAN 0, which is that of <c>eth0</c>, or another.</summary>
    public async Task AddCardAsync(int host, string card, int lan, string address)
    {
        await AddCableAsync(host, card, lan);
        await AddressAsync(host, card, address);
        await IpAsync("-n", Name(host), "link", "set", card, "up");
    }

    /// <summary>Gives a host another card, with a cable that leads nowhere.</summary>
    public async Task AddLooseCardAsync(int host, string card, string address)
    {
        await AddCableAsync(host, card, null);
        await AddressAsync(host, card, address);
        await IpAsync("-n", Name(host), "link", "set", card, "up");
    }

    /// <summary>How many UDP datagrams the programs of a host have sent.</summary>
    public async Task<long> SentAsync(int host)
    {
        (_, string text) = await RunAsync(On(host, "cat", "/proc/net/snmp"));
        string[][] udp = [.. text.Split('\n')
            .Where(line => line.StartsWith("Udp:", StringComparison.Ordinal))
            .Select(line => line.Split(' '))];
        return long.Parse(udp[1][Array.IndexOf(udp[0], "OutDatagrams")], CultureInfo.InvariantCulture); // names first, then figures
    }

    public async ValueTask DisposeAsync()
    {
        foreach (int host in (int[])[.. _hosts, 0])
            await RunAsync("ip", "netns", "del", Name(host)); // takes its interfaces along; one that was never made is none to delete
    }

    private string Name(int host) => host == 0 ? _name + "-bridge" : $"{_name}-{host}";

    private async Task MakeAsync()
    {
        await IpAsync("netns", "add", Name(0));
        foreach (int host in _hosts)
        {
            await IpAsync("netns", "add", Name(host));
            await IpAsync("-n", Name(host), "link", "set", "lo", "up");
            await AddCardAsync(host, "eth0", 0, $"{Address(host)}/24");
        }
    }

    private async Task AddCableAsync(int host, string card, int? lan)
    {
        if (lan is { } number && _lans.Add(number))
        {
            await IpAsync("-n", Name(0), "link", "add", $"br{lan}", "type", "bridge");
            await IpAsync("-n", Name(0), "link", "set", $"br{lan}", "up");
        }

        string end = $"v{++_cables}";
        await IpAsync("-n", Name(0), "link", "add", end, "type", "veth", "peer", "name", card, "netns", Name(host));
        await IpAsync(["-n", Name(0), "link", "set", end, "up", .. lan is null ? (string[])[] : ["master", $"br{lan}"]]);
    }

    private static async Task<string?> FindObstacleAsync()
    {
        const string Aim = "the tests against real peers run in network namespaces";
        if (!Environment.IsPrivilegedProcess)
            return $"We are not root; {Aim}, which only root can make.";
        try
        {
            if (!await HasIpAsync())
            {
                await RunAsync("apt-get", "update");
                await RunAsync("apt-get", "install", "-y", "iproute2");
                if (!await HasIpAsync())
                    return $"There is no 'ip', and iproute2 could not be installed; {Aim}.";
            }
        }
        catch (Win32Exception)
        {
            return $"There is neither 'ip' nor 'apt-get' to install it with; {Aim}.";
        }

        await RemoveLeftoversAsync();
        string probe = $"{Prefix}{Environment.ProcessId}-probe";
        (int exitCode, string output) = await RunAsync("ip", "netns", "add", probe);
        await RunAsync("ip", "netns", "del", probe);
        return exitCode == 0 ? null : $"No network namespace can be made here ({output.Trim()}); {Aim}.";
    }

    private static async Task<bool> HasIpAsync()
    {
        try
        {
            return (await RunAsync("ip", "-Version")).ExitCode == 0;
        }
        catch (Win32Exception)
        {
            return false;
        }
    }

    /// <summary>Removes what earlier runs of ours left behind when they were killed.</summary>
    private static async Task RemoveLeftoversAsync()
    {
        (_, string list) = await RunAsync("ip", "netns", "list");
        foreach (string name in list.Split('\n').Select(line => line.Split(' ')[0]).Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            bool isOurs = int.TryParse(name.Split('-')[1], NumberStyles.None, CultureInfo.InvariantCulture, out int id);
            if (isOurs && !Directory.Exists($"/proc/{id}"))
                await RunAsync("ip", "netns", "del", name);
        }
    }

    private static async Task IpAsync(params string[] arguments)
    {
        (int exitCode, string output) = await RunAsync(["ip", .. arguments]);
        if (exitCode != 0)
            throw new InvalidOperationException($"'ip {string.Join(' ', arguments)}' failed ({exitCode}): {output}");
    }

    private static Task<(int ExitCode, string Output)> RunAsync(params string[] command) =>
        Command.RunAsync(s_patience, AppContext.BaseDirectory, command);
}
