using System.Text.Json;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Tests;

/// <summary><c>watch</c> as a process of its own, attached to a peer in this one: in a real terminal, driven by keys, and piped.</summary>
public class WatchTerminalTests
{
    private const int TwoMinutes = 120_000;
    private const string First = "net:10.0.0.1:8008~shs:mUIhsJF1M+lOnqZTgdPbBCeri1YjXubZXX8/yuROOXQ=";
    private const string Second = "net:10.0.0.2:8008~shs:pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=";

    [Fact(Timeout = Patience.WholeTest)]
    public async Task Watch_DrivenByKeys_ShowsThePoolsAndSteersThePeer()
    {
        await using var peer = new PeerStandIn();
        peer.ListenOnSocket();
        peer.Set("staged", $$"""[["{{First}}",{"type":"lan"}],["{{Second}}",{"type":"lan"}]]""");
        peer.Set("db", $$"""[["{{Second}}",{"type":"pub"}]]""");
        peer.Answers["conn.connect"] = call =>
        {
            // As a peer does it: off the bench, and into the hub.
            peer.Set("staged", $$"""[["{{First}}",{"type":"lan"}]]""");
            peer.Set("peers", $$"""[["{{Second}}",{"type":"lan","state":"connected"}]]""");
            return JsonElement.Parse("""{"id":"@x"}""");
        };
        peer.Answers["conn.disconnect"] = _ =>
        {
            peer.Set("peers", "[]");
            return true;
        };
        peer.Answers["conn.dismiss"] = _ => throw new RpcException("not today");
        peer.Answers["conn.why"] = _ => JsonElement.Parse("""{"subject":"@pAhD","routes":[],"history":[{"at":0,"what":"staged","reason":"by hand"}]}""");

        using TerminalPane pane = await TerminalPane.OpenAsync(100, 30, TestContext.Current.CancellationToken);
        string modes = await pane.ModesAsync();
        await pane.TypeAsync($"{Tool.InShell} watch --path {peer.Folder}; echo gave $?", "Enter");
        string[] screen = await pane.UntilAsync(rows => Has(rows, "> Bench 2") && Has(rows, "  Hub 0") && Has(rows, "  Book 1"));
        Assert.StartsWith($" ssb-conn watch   {SocketFolder.AddressIn(peer.Folder)}", screen[0], StringComparison.Ordinal);
        Assert.Contains(screen, row => row.StartsWith("> @mUIhsJF1…", StringComparison.Ordinal));
        Assert.Contains(screen, row => row.Contains("Nobody is connected.", StringComparison.Ordinal));
        Assert.Equal("0 1 0", await pane.ModesAsync());

        await pane.TypeAsync("Down", "C-d"); // which pages elsewhere, and is no d
        await pane.UntilAsync(rows => Has(rows, "> @pAhDcHju…"));
        await pane.TypeAsync("w");
        await pane.UntilAsync(rows => Has(rows, " @pAhD.") && Has(rows, "   1970-01-01 00:00:00Z staged: by hand") && Has(rows, " ↑ ↓ scroll  w back  q quit"));
        Assert.Equal("conn.why [\"@pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=.ed25519\"]", await NextCallAsync(peer));
        await pane.TypeAsync("w");
        await pane.UntilAsync(rows => Has(rows, "> Bench 2"));

        await pane.TypeAsync("c");
        await pane.UntilAsync(rows => Has(rows, "> Bench 1") && Has(rows, "  Hub 1") && Has(rows, " connect @pAhDcHju…: done"));
        Assert.Equal($"conn.connect [\"{Second}\"]", await NextCallAsync(peer));
        await pane.TypeAsync("Up", "d"); // up: the other has just left, and a key that may be meant for that one is not taken
        await pane.UntilAsync(rows => Has(rows, " dismiss @mUIhsJF1…: not today"));
        Assert.Equal("conn.dismiss [\"@mUIhsJF1M+lOnqZTgdPbBCeri1YjXubZXX8/yuROOXQ=.ed25519\"]", await NextCallAsync(peer));
        await pane.TypeAsync("f"); // which is for the address book
        await pane.UntilAsync(rows => Has(rows, " forget is for Book: Tab changes the pane"));

        await pane.TypeAsync("Tab", "x");
        await pane.UntilAsync(rows => Has(rows, "> Hub 0") && Has(rows, " disconnect @pAhDcHju…: done"));
        Assert.Equal($"conn.disconnect [\"{Second}\"]", await NextCallAsync(peer));

        await pane.ResizeAsync(60, 12);
        await pane.UntilAsync(rows => Has(rows, "> Hub 0") && !Has(rows, "  Bench 1"));
        await pane.TypeAsync("q");
        await pane.UntilAsync(rows => Has(rows, "gave 0"));
        Assert.Equal(modes, await pane.ModesAsync());
    }

    [Fact(Timeout = Patience.WholeTest)]
    public async Task Watch_PeerWithoutOurExtras_GreysThemOutAndPollsItsAddressBook()
    {
        await using var peer = new PeerStandIn(ours: false);
        peer.ListenOnSocket();
        peer.Set("db", $$"""[["{{First}}",{}]]""");

        using TerminalPane pane = await TerminalPane.OpenAsync(100, 30, TestContext.Current.CancellationToken);
        await pane.TypeAsync($"NO_COLOR=1 {Tool.InShell} watch --path {peer.Folder}", "Enter");
        await pane.UntilAsync(rows => Has(rows, "  Book 1"));
        await pane.TypeAsync("Left");
        string[] screen = await pane.UntilAsync(rows => Has(rows, "> Book 1") && rows.Any(row => row.Contains("f forget", StringComparison.Ordinal)));
        Assert.DoesNotContain(screen, row => row.Contains("dismiss", StringComparison.Ordinal) || row.Contains("w why", StringComparison.Ordinal));
        await pane.TypeAsync("w");
        await pane.UntilAsync(rows => Has(rows, " this peer does not have conn.why: it is not one of Ssb.Conn"));

        peer.Set("db", $$"""[["{{First}}",{}],["{{Second}}",{}]]""");
        await pane.UntilAsync(rows => Has(rows, "> Book 2"));
        await pane.TypeAsync("q");
    }

    [Fact(Timeout = Patience.WholeTest)]
    public async Task Watch_PeerThatGoesAway_SaysSoAndAttachesAgain()
    {
        await using var peer = new PeerStandIn();
        peer.ListenOnSocket();
        using TerminalPane pane = await TerminalPane.OpenAsync(120, 30, TestContext.Current.CancellationToken);
        await pane.TypeAsync($"{Tool.InShell} watch --path {peer.Folder}", "Enter");
        await pane.UntilAsync(rows => Has(rows, "> Bench 0"));

        peer.Close();
        await peer.DropAsync();
        await pane.UntilAsync(rows => rows[0].Contains("is gone", StringComparison.Ordinal) && rows[0].Contains("trying again in", StringComparison.Ordinal));
        peer.Set("staged", $$"""[["{{First}}",{}]]""");
        File.Delete(Path.Combine(peer.Folder, "socket"));
        peer.ListenOnSocket();
        await pane.UntilAsync(rows => Has(rows, "> Bench 1") && !rows[0].Contains("is gone", StringComparison.Ordinal));
        await pane.TypeAsync("q");
    }

    [Fact(Timeout = Patience.WholeTest)]
    public async Task Watch_Piped_WritesChangesUntilItIsTold()
    {
        await using var peer = new PeerStandIn();
        peer.ListenOnSocket();
        using Tool tool = Tool.Start($"watch --path {peer.Folder}", TestContext.Current.CancellationToken);
        int pools = 0;
        List<JsonElement> lines = await tool.ReadUntilAsync(line => line.GetProperty("change").GetString() == "snapshot" && ++pools == 3);
        Assert.Equal("attached", lines[0].GetProperty("change").GetString());
        Assert.Equal(0, lines[0].GetProperty("lacks").GetArrayLength());

        peer.Set("staged", $$"""[["{{First}}",{"x":1}]]""");
        JsonElement added = Assert.Single(await tool.ReadUntilAsync(_ => true));
        Assert.Equal(("added", "staging", First), (added.GetProperty("change").GetString(), added.GetProperty("pool").GetString(), added.GetProperty("entry")[0].GetString()));
        await peer.DropAsync();
        Assert.Equal("gone", Assert.Single(await tool.ReadUntilAsync(_ => true)).GetProperty("change").GetString());
        tool.AskToEnd();
        await tool.ReadUntilAsync(_ => false);
        Assert.Equal((0, ""), await tool.EndAsync());
    }

    [Fact(Timeout = Patience.WholeTest)]
    public async Task Watch_ReaderGoesAway_EndsQuietly()
    {
        await using var peer = new PeerStandIn();
        peer.ListenOnSocket();
        using Tool tool = Tool.Start($"watch --path {peer.Folder}", TestContext.Current.CancellationToken);
        int pools = 0;
        await tool.ReadUntilAsync(line => line.GetProperty("change").GetString() == "snapshot" && ++pools == 3);
        tool.CloseOutput();
        peer.Set("staged", $$"""[["{{First}}",{}]]""");

        Assert.Equal((0, ""), await tool.EndAsync());
    }

    [Fact(Timeout = Patience.WholeTest)]
    public async Task Watch_NobodyThere_GivesOneAndASentence()
    {
        using Tool tool = Tool.Start("watch --json --remote unix:/nonesuch/socket~noauth", TestContext.Current.CancellationToken);
        Assert.Empty(await tool.ReadUntilAsync(_ => false));
        (int code, string error) = await tool.EndAsync();

        Assert.Equal(1, code);
        Assert.StartsWith("ssb-conn: no SSB peer answers at unix:/nonesuch/socket~noauth; is it running?", error, StringComparison.Ordinal);
    }

    private static bool Has(string[] rows, string start) => rows.Any(row => row.StartsWith(start, StringComparison.Ordinal));

    private static async Task<string> NextCallAsync(PeerStandIn peer) => await peer.Calls.Reader.ReadAsync(TestContext.Current.CancellationToken);
}
