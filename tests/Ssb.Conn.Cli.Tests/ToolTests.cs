using System.Net;
using System.Net.Sockets;
using System.Text.Json;

namespace Ssb.Conn.Cli.Tests;

/// <summary>The real process, piped. Neighbours speak on loopback only, with a network key and a port of their own.</summary>
public class ToolTests
{
    [Fact(Timeout = Patience.WholeTest)]
    public async Task Discover_NeighboursPiped_ShowsThemStagedRefreshedAndExpired()
    {
        using Tool tool = Tool.Start("discover --neighbours 5", TestContext.Current.CancellationToken);
        var staged = new HashSet<string>();
        bool isExpired = false;
        List<JsonElement> lines = await tool.ReadUntilAsync(line =>
        {
            if (Change(line) == "staged")
                staged.Add(Address(line));
            isExpired |= Change(line) == "unstaged" && line.GetProperty("reason").GetString() == "expired";
            return staged.Count == 5 && isExpired;
        });
        tool.AskToEnd();
        lines.AddRange(await tool.ReadUntilAsync(_ => false));
        (int code, string error) = await tool.EndAsync();

        Assert.Equal(0, code);
        Assert.Equal("snapshot", Change(lines[0]));
        Assert.Equal(5, lines.Where(line => Change(line) == "staged").Select(Address).Distinct().Count());
        Assert.Contains(lines, line => Change(line) == "unstaged" && line.GetProperty("reason").GetString() == "expired");
        Assert.Equal(Enumerable.Range(0, lines.Count), lines.Select(line => line.GetProperty("sequence").GetInt32()));
        Assert.All(lines.Where(line => Change(line) == "staged"), line =>
        {
            Assert.StartsWith("net:127.0.0.1:", Address(line), StringComparison.Ordinal);
            Assert.Equal("lan", line.GetProperty("entry")[1].GetProperty("type").GetString());
            Assert.True(line.GetProperty("entry")[1].GetProperty("verified").GetBoolean());
        });

        // The summary says what the lines said.
        Assert.Matches($@"peers staged +{lines.Count(line => Change(line) == "staged")}   5 different", error);
        Assert.Matches(@"refreshed +[1-9][0-9]*\s", error); // of which no line tells, since nothing changed
        Assert.Matches($@"expired +{lines.Count(line => Change(line) == "unstaged")}\s", error);
        Assert.Matches(@"rejected +0\s", error);
        Assert.Matches(@"rate-limited +0\s", error);
    }

    [Fact(Timeout = Patience.WholeTest)]
    public async Task Discover_ThousandNeighbours_AllAreStaged()
    {
        using Tool tool = Tool.Start("discover --neighbours 1000", TestContext.Current.CancellationToken);
        var staged = new HashSet<string>();
        await tool.ReadUntilAsync(line => Change(line) == "staged" && staged.Add(Address(line)) && staged.Count == 1_000);

        Assert.Equal(1_000, staged.Count);
    }

    [Fact(Timeout = Patience.WholeTest)]
    public async Task Discover_SameSeed_GivesTheSameNeighbours()
    {
        var runs = new List<HashSet<string>>();
        for (int run = 0; run < 2; run++)
        {
            using Tool tool = Tool.Start("discover --neighbours 3 --seed 7", TestContext.Current.CancellationToken);
            var staged = new HashSet<string>();
            await tool.ReadUntilAsync(line => Change(line) == "staged" && staged.Add(Address(line)) && staged.Count == 3);
            runs.Add(staged);
        }

        Assert.Equal(runs[0].Order(), runs[1].Order());
    }

    [Theory(Timeout = Patience.WholeTest)]
    [InlineData("INT")]
    [InlineData("TERM")]
    [InlineData("HUP")]
    [InlineData("QUIT")]
    public async Task Discover_Signal_EndsItWithASummary(string signal)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows sends no signals to another process.");
        using Tool tool = Tool.Start("discover --neighbours 2", TestContext.Current.CancellationToken);
        await tool.ReadUntilAsync(line => Change(line) == "staged");
        tool.Signal(signal);
        (int code, string error) = await tool.EndAsync();

        Assert.Equal(0, code);
        Assert.StartsWith("ssb-conn discover ended after ", error, StringComparison.Ordinal);
    }

    [Fact(Timeout = Patience.WholeTest)]
    public async Task Discover_UnderNohup_OutlivesTheTerminal()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows sends no signals to another process.");
        using Tool tool = Tool.StartUnder(["nohup"], "discover --neighbours 20", TestContext.Current.CancellationToken);
        await tool.ReadUntilAsync(line => Change(line) == "staged");
        tool.Signal("HUP");
        long signalled = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        List<JsonElement> lines = await tool.ReadUntilAsync(line => line.GetProperty("at").GetInt64() > signalled + 1_000); // neighbours come and go
        Assert.True(lines[^1].GetProperty("at").GetInt64() > signalled);
        tool.Signal("TERM");
        (int code, string error) = await tool.EndAsync();

        Assert.Equal(0, code);
        Assert.Contains("ssb-conn discover ended after ", error, StringComparison.Ordinal);
    }

    [Fact(Timeout = Patience.WholeTest)]
    public async Task Discover_ReaderGoesAway_EndsQuietly()
    {
        using Tool tool = Tool.Start("discover --neighbours 20", TestContext.Current.CancellationToken);
        await tool.ReadUntilAsync(line => Change(line) == "snapshot");
        tool.CloseOutput();
        (int code, string error) = await tool.EndAsync();

        Assert.Equal(0, code);
        Assert.StartsWith("ssb-conn discover ended after ", error, StringComparison.Ordinal);
    }

    [Theory(Timeout = Patience.WholeTest)]
    [InlineData("start --help"), InlineData("[suggest:6]")]
    public async Task Parser_ReaderGoesAway_EndsQuietly(string arguments)
    {
        using Tool tool = Tool.Start(arguments, TestContext.Current.CancellationToken);
        tool.CloseOutput();

        Assert.Equal((0, ""), await tool.EndAsync());
    }

    [Fact(Timeout = Patience.WholeTest)]
    public async Task Discover_PortsTaken_GivesOneAndASentence()
    {
        using Socket? normal = TakePort(26_830);
        using Socket? legacy = TakePort(8_008);
        Assert.SkipWhen(normal is null || legacy is null, "Another program on this computer has the SSB ports, and shares them.");

        using Tool tool = Tool.Start("discover --interface 127.0.0.1 --duration 5s", TestContext.Current.CancellationToken);
        List<JsonElement> lines = await tool.ReadUntilAsync(_ => false);
        (int code, string error) = await tool.EndAsync();

        Assert.Empty(lines);
        Assert.Equal(1, code);
        Assert.StartsWith("ssb-conn: ", error, StringComparison.Ordinal);
        Assert.Contains("26830", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    [Fact(Timeout = Patience.WholeTest)]
    public async Task Discover_BadOption_GivesTwoAndNothingOnStandardOutput()
    {
        using Tool tool = Tool.Start("discover --neighbours none", TestContext.Current.CancellationToken);
        List<JsonElement> lines = await tool.ReadUntilAsync(_ => false);
        (int code, string error) = await tool.EndAsync();

        Assert.Empty(lines);
        Assert.Equal(2, code);
        Assert.Contains("from 1 to 1,000", error, StringComparison.Ordinal);
    }

    private static string? Change(JsonElement line) => line.GetProperty("change").GetString();

    private static string Address(JsonElement line) => line.GetProperty("entry")[0].GetString() ?? "";

    /// <summary>Takes a UDP port for itself, unshared; null if somebody has it.</summary>
    private static Socket? TakePort(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ExclusiveAddressUse = true };
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Any, port));
            return socket;
        }
        catch (SocketException)
        {
            socket.Dispose();
            return null;
        }
    }
}
