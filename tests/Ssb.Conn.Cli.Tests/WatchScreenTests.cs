using System.Text;
using System.Text.Json;
using Ssb.Conn.Cli.Commands;
using Ssb.Conn.Cli.Remote;
using Ssb.Conn.Cli.View;
using Ssb.Conn.Cli.Watching;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Tests;

public class WatchScreenTests
{
    private static readonly DateTimeOffset s_now = DateTimeOffset.FromUnixTimeMilliseconds(1_000_000_000);

    private readonly List<string> _called = [];

    [Fact]
    public void Render_80x24_ShowsThePoolsOneBelowTheOther()
    {
        string[] lines = Plain(State(2, 1, 3), 80, 24);

        Assert.Equal(" ssb-conn watch   unix:/s/socket~noauth                                    1:05", lines[0].TrimEnd());
        Assert.Equal("> Bench 2       TYPE      AGE     ADDRESS", lines[1].TrimEnd());
        Assert.Equal("> @AAAAAAAA…    lan       5s      net:10.0.0.0:8008~shs:AAAAAAAAAAAAAAAAAAAAAAA…", lines[2].TrimEnd());
        Assert.Equal("  @AAAAAAAB…    lan       5s      net:10.0.0.1:8008~shs:AAAAAAABAAAAAAAAAAAAAAA…", lines[3].TrimEnd());
        Assert.Equal("", lines[4].TrimEnd());
        Assert.Equal("  Hub 1         TYPE      STATE          SINCE  ADDRESS", lines[5].TrimEnd());
        Assert.Equal("  @AAAAAAAA…    lan       connected      60s    net:10.0.0.0:8008~shs:AAAAAAAAA…", lines[6].TrimEnd());
        Assert.Equal("  Book 3        TYPE      FAILED  SINCE  ADDRESS", lines[8].TrimEnd());
        Assert.Equal("  @AAAAAAAA…    lan       2       60s    net:10.0.0.0:8008~shs:AAAAAAAAAAAAAAAA…", lines[9].TrimEnd());
        Assert.All(lines[12..21], line => Assert.Equal("", line.TrimEnd()));
        Assert.Equal(" tab pane  c connect                d dismiss  r remember            u unstage", lines[22].TrimEnd());
        Assert.Equal(" w why  q quit", lines[23].TrimEnd());
    }

    [Fact]
    public void Render_BeforeThePeerHasToldAnything_ClaimsNothing()
    {
        string[] lines = Plain(new WatchState("/s"), 80, 24);

        Assert.Contains("/s: attaching", lines[0], StringComparison.Ordinal);
        Assert.Matches("^> Bench +TYPE", lines[1]);
        Assert.DoesNotContain(lines, line => line.Contains("Nobody", StringComparison.Ordinal));
    }

    [Fact]
    public void Render_ManyPeers_FocusHasMostRowsAndEachPaneSaysWhichItShows()
    {
        WatchState state = State(100, 100, 100);
        _ = state.Press(ConsoleKey.Tab, 5);
        _ = state.Press(ConsoleKey.End, 5);

        string[] lines = Plain(state, 80, 24);

        Assert.EndsWith("1-3 of 100", lines[1].TrimEnd(), StringComparison.Ordinal);
        Assert.StartsWith("> Hub 100", lines[6], StringComparison.Ordinal);
        Assert.EndsWith("92-100 of 100", lines[6].TrimEnd(), StringComparison.Ordinal);
        Assert.StartsWith("> @AAAAA", lines[15], StringComparison.Ordinal);
        Assert.EndsWith("1-3 of 100", lines[17].TrimEnd(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(80, 12)]
    [InlineData(80, 6)]
    [InlineData(40, 9)]
    public void Render_SmallTerminal_ShowsThePaneThatKeysAreAbout(int width, int height)
    {
        WatchState state = State(2, 3, 4);
        _ = state.Press(ConsoleKey.LeftArrow, 5);

        string[] lines = Plain(state, width, height);

        Assert.StartsWith("> Book 4", lines[1], StringComparison.Ordinal);
        Assert.StartsWith("> @AAAAAAAA…", lines[2], StringComparison.Ordinal);
        Assert.DoesNotContain(lines, line => line.Contains("Bench", StringComparison.Ordinal));
    }

    // With more peers than rows each pane says which it shows, which must not move its headings.
    [Fact]
    public void Render_AnyWidthFrom40_HeadingsStandOverTheirColumns()
    {
        WatchState state = State(120, 120, 120);
        for (int width = 40; width <= 130; width++)
        {
            string[] lines = Plain(state, width, 24);
            int[] headings = [.. Enumerable.Range(0, lines.Length).Where(i => lines[i].Contains(" 120  ", StringComparison.Ordinal) && lines[i].Contains("ADDRESS", StringComparison.Ordinal))];
            Assert.Equal(3, headings.Length);
            foreach (int heading in headings)
            {
                (string above, string below) = (lines[heading], lines[heading + 1]);
                Assert.Equal(below.IndexOf("net:", StringComparison.Ordinal), above.IndexOf("ADDRESS", StringComparison.Ordinal));
                Stands(above, below, "TYPE", "lan");
                Stands(above, below, "STATE", "connected");
                Stands(above, below, "FAILED", "2 ");
                Stands(above, below, "AGE", "5s");
                Stands(above, below, "HEARD", "2s");
                Stands(above, below, "SINCE", "60s");
            }
        }

        static void Stands(string above, string below, string name, string cell)
        {
            if (above.IndexOf(name, StringComparison.Ordinal) is >= 0 and var at)
                Assert.StartsWith(cell, below[at..], StringComparison.Ordinal);
            else
                Assert.DoesNotContain($"  {cell} ", below, StringComparison.Ordinal); // a column goes with its heading
        }
    }

    [Fact]
    public void Render_AnySize_FillsItExactly()
    {
        WatchState state = State(30, 2, 0);
        for (int width = 1; width < 130; width += 7)
        {
            for (int height = 1; height < 50; height++)
                _ = Plain(state, width, height); // which counts the cells
        }
    }

    [Fact]
    public void Render_PeerThatLacksThings_LeavesTheirKeysOutWithoutColoursAndGreysThemWith()
    {
        WatchState state = State(1, 1, 1, lacks: ["conn.dismiss", "conn.why", "conn.dbPeers"]);
        state.Apply(new WatchEvent.Entries(Pool.Book, []), s_now);

        string[] lines = Plain(state, 80, 24);
        IReadOnlyList<string> coloured = WatchScreen.Render(state.Model(s_now, default), new TableSize(80, 24), colour: true);

        Assert.DoesNotContain(lines, line => line.Contains("dismiss", StringComparison.Ordinal) || line.Contains("why", StringComparison.Ordinal));
        Assert.Contains("  This peer does not have conn.dbPeers.", lines.Select(line => line.TrimEnd()));
        Assert.Contains("\e[0;1mc\e[0;2m connect", coloured[22], StringComparison.Ordinal);
        Assert.Contains("\e[0;2md dismiss", coloured[22], StringComparison.Ordinal);
    }

    [Fact]
    public void Render_StrangersText_NeverSteersTheTerminal()
    {
        WatchState state = State(0, 0, 0);
        state.Apply(new WatchEvent.Entries(Pool.Bench, Entries("""[["net:a:1\u001b[2J~shs:\n",{"key":"\u0007","type":"\u001b]0;x\u0007"}]]""")), s_now);
        state.Apply(new WatchEvent.Gone("bye\e[2J", TimeSpan.FromSeconds(1)), s_now);

        _ = Plain(state, 80, 24); // in which the virtual screen refuses any escape sequence that is not ours
    }

    [Fact]
    public async Task Press_Actions_CallWhatTheyAreAbout()
    {
        WatchState state = State(2, 1, 1);
        string address = Address(1), key = $"@{Key(1)}.ed25519";
        _ = state.Press(ConsoleKey.DownArrow, 5);

        await CallAsync(state, ConsoleKey.C);
        await CallAsync(state, ConsoleKey.D);
        await CallAsync(state, ConsoleKey.R);
        await CallAsync(state, ConsoleKey.U);
        _ = state.Press(ConsoleKey.Tab, 5);
        await CallAsync(state, ConsoleKey.X);
        _ = state.Press(ConsoleKey.Tab, 5);
        await CallAsync(state, ConsoleKey.F);

        Assert.Equal(
            [
                $"conn.connect {address}", $"conn.dismiss {key}", $"conn.remember {address} {{\"key\":\"{key}\",\"type\":\"lan\"}}", $"conn.unstage {address}",
                $"conn.disconnect {Address(0)}", $"conn.forget {Address(0)}",
            ],
            _called);
    }

    [Fact]
    public async Task Press_Why_OpensAPanelThatScrollsAndCloses()
    {
        WatchState state = State(1, 0, 0);
        var call = (WatchWish.Call)state.Press(ConsoleKey.W, 5);
        string report = $$"""{"subject":"@x","routes":[],"history":[{{string.Join(',', Enumerable.Range(0, 40).Select(i => $$"""{"at":{{i}},"what":"staged","reason":"r{{i}} {{new string('y', 90)}}"}"""))}}]}""";
        state.Done(call, await Task.FromResult(RpcValue.RawJson(Encoding.UTF8.GetBytes(report))), null);

        string[] lines = Plain(state, 80, 24);
        Assert.Equal(" @x.", lines[1].TrimEnd());
        Assert.Equal(" Nothing is known of it now.", lines[2].TrimEnd());
        Assert.StartsWith("   1970-01-01 00:00:00Z staged: r0", lines[3], StringComparison.Ordinal);
        Assert.StartsWith("     yyy", lines[4], StringComparison.Ordinal); // broken, not cut
        Assert.Equal(" ↑ ↓ scroll  w back  q quit", lines[23].TrimEnd());

        _ = state.Press(ConsoleKey.DownArrow, 5);
        Assert.Equal(" Nothing is known of it now.", Plain(state, 80, 24)[1].TrimEnd());
        _ = state.Press(ConsoleKey.End, 5);
        Assert.Contains("yyy", Plain(state, 80, 24)[20], StringComparison.Ordinal);
        _ = state.Press(ConsoleKey.W, 5);
        Assert.StartsWith("> Bench 1", Plain(state, 80, 24)[1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ConsoleKey.X, "disconnect is for Hub: Tab changes the pane")]
    [InlineData(ConsoleKey.F, "forget is for Book: Tab changes the pane")]
    [InlineData(ConsoleKey.W, "this peer does not have conn.why: it is not one of Ssb.Conn")]
    public void Press_WhatCannotBeDone_SaysWhyNot(ConsoleKey key, string message)
    {
        WatchState state = State(1, 1, 1, lacks: ["conn.why"]);

        Assert.IsType<WatchWish.None>(state.Press(key, 5));
        Assert.Equal(" " + message, Plain(state, 80, 24)[21].TrimEnd());
    }

    [Fact]
    public void Press_PeerGone_CallsNothingAndSaysSo()
    {
        WatchState state = State(1, 0, 0);
        state.Apply(new WatchEvent.Gone("it said goodbye", TimeSpan.FromSeconds(4)), s_now);

        Assert.IsType<WatchWish.None>(state.Press(ConsoleKey.C, 5));
        string[] lines = Plain(state, 120, 24);
        Assert.Contains("is gone (it said goodbye); trying again in 4s", lines[0], StringComparison.Ordinal);
        Assert.Equal(" the peer is gone", lines[22].TrimEnd());
        Assert.Contains("@AAAAAAAA", lines[2], StringComparison.Ordinal); // what was known stays
    }

    [Fact]
    public void Press_WhileACallRuns_TakesMovesButNoSecondCall()
    {
        WatchState state = State(2, 0, 0);
        var call = (WatchWish.Call)state.Press(ConsoleKey.C, 5);

        Assert.IsType<WatchWish.None>(state.Press(ConsoleKey.U, 5));
        Assert.StartsWith(" connect @AAAAAAAA… ...", Plain(state, 100, 24)[22], StringComparison.Ordinal);
        state.Done(call, default, "refused");
        Assert.Equal(" connect @AAAAAAAA…: refused", Plain(state, 120, 24)[22].TrimEnd());
        Assert.IsType<WatchWish.Call>(state.Press(ConsoleKey.U, 5));
    }

    [Fact]
    public void Done_TrapSeedOfAnInvite_IsMaskedOnTheScreen()
    {
        string invite = $"{Address(0)}:c2VlZHNlZWRzZWVk";
        WatchState state = State(0, 0, 0);
        state.Apply(new WatchEvent.Entries(Pool.Bench, Entries($$"""[["{{invite}}",{}]]""")), s_now);
        var call = (WatchWish.Call)state.Press(ConsoleKey.C, 5);
        Assert.Equal(invite, call.Arguments[0].AsText());
        state.Done(call, default, $"no way to {invite}");

        Assert.Equal($" connect @AAAAAAAA…: no way to {Address(0)}:***", Plain(state, 120, 24)[22].TrimEnd());
    }

    [Fact]
    public void Apply_PeersThatComeAndGo_KeepTheSelectionOnTheSamePeer()
    {
        WatchState state = State(5, 0, 0);
        _ = state.Press(ConsoleKey.End, 5);
        state.Apply(new WatchEvent.Entries(Pool.Bench, [.. BenchOf(5).Skip(3)]), s_now);
        Assert.Equal(1, Selected(state));
        state.Apply(new WatchEvent.Entries(Pool.Bench, BenchOf(2)), s_now); // the one is gone: who is where he was
        Assert.Equal(1, Selected(state));
        state.Apply(new WatchEvent.Entries(Pool.Bench, []), s_now);
        Assert.Equal(-1, Selected(state));
        state.Apply(new WatchEvent.Entries(Pool.Bench, BenchOf(3)), s_now);
        Assert.Equal(0, Selected(state));
    }

    [Fact]
    public void Press_WhoWasSelectedHasJustLeft_ActsOnNobodyElse()
    {
        WatchState state = State(3, 0, 0);
        state.Apply(new WatchEvent.Entries(Pool.Bench, [.. BenchOf(3).Skip(1)]), s_now);
        _ = state.Model(s_now.AddMilliseconds(300), default); // drawn, but who reads so fast?
        Assert.IsType<WatchWish.None>(state.Press(ConsoleKey.D, 5));
        Assert.Equal("@AAAAAAAA… has just left; again for @AAAAAAAB…", state.Model(s_now, default).Message);
        var call = Assert.IsType<WatchWish.Call>(state.Press(ConsoleKey.D, 5));
        Assert.StartsWith("net:10.0.0.1:", call.Entry.Address, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true), InlineData(false)]
    public void Press_WhoWasSelectedHasLeft_AndThatWasSeen_ActsOnWhoTookHisPlace(bool byMoving)
    {
        WatchState state = State(3, 0, 0);
        state.Apply(new WatchEvent.Entries(Pool.Bench, [.. BenchOf(3).Skip(1)]), s_now);
        if (byMoving)
            _ = state.Press(ConsoleKey.Home, 5);
        else
            _ = state.Model(s_now.AddSeconds(1), default);
        var call = Assert.IsType<WatchWish.Call>(state.Press(ConsoleKey.D, 5));
        Assert.StartsWith("net:10.0.0.1:", call.Entry.Address, StringComparison.Ordinal);
    }

    [Fact]
    public void Done_ConnectThatAJavaScriptPeerDoesNot_IsNotCalledDone()
    {
        WatchState state = State(1, 0, 0);
        var call = Assert.IsType<WatchWish.Call>(state.Press(ConsoleKey.C, 5));
        state.Done(call, RpcValue.False, null);
        Assert.Equal(("connect @AAAAAAAA…: not now", true), (state.Model(s_now, default).Message, state.Model(s_now, default).IsBad));
    }

    private static int Selected(WatchState state) => state.Model(s_now, default).Panes[0].Selected;

    private static async Task CallAsync(WatchState state, ConsoleKey key)
    {
        var call = (WatchWish.Call)state.Press(key, 5);
        state.Done(call, await call.Make(call.Procedure, call.Arguments, TestContext.Current.CancellationToken), null);
    }

    private static string[] Plain(WatchState state, int width, int height)
    {
        var size = new TableSize(width, height);
        IReadOnlyList<string> lines = WatchScreen.Render(state.Model(s_now, TimeSpan.FromSeconds(65)), size, colour: false);
        Assert.Equal(height, lines.Count);
        _ = WatchScreen.Render(state.Model(s_now, default), size, colour: true).Select(line => VirtualScreen.Plain(line, size)).Count();
        return [.. lines.Select(line => VirtualScreen.Plain(line, size))];
    }

    private WatchState State(int bench, int hub, int book, params string[] lacks)
    {
        var state = new WatchState("/s");
        state.Apply(
            new WatchEvent.Attached("unix:/s/socket~noauth", name => !lacks.Contains(name), (name, arguments, _) =>
            {
                _called.Add($"{name} {string.Join(' ', arguments.Select(argument => Encoding.UTF8.GetString(argument.Bytes.Span)))}");
                return Task.FromResult(RpcValue.True);
            }),
            s_now);
        state.Apply(new WatchEvent.Entries(Pool.Bench, BenchOf(bench)), s_now);
        state.Apply(new WatchEvent.Entries(Pool.Hub, Of(hub, "\"type\":\"lan\",\"state\":\"connected\",\"hubStateSince\":999940000")), s_now);
        state.Apply(new WatchEvent.Entries(Pool.Book, Of(book, "\"type\":\"lan\",\"failure\":2,\"stateChange\":999940000")), s_now);
        return state;
    }

    private static IReadOnlyList<RemoteEntry> BenchOf(int count) => Of(count, "\"type\":\"lan\",\"stagingBirth\":999995000,\"stagingUpdated\":999998000");

    private static IReadOnlyList<RemoteEntry> Of(int count, string fields) =>
        Entries($"[{string.Join(',', Enumerable.Range(0, count).Select(i => $"[\"{Address(i)}\",{{\"key\":\"@{Key(i)}.ed25519\",{fields}}}]"))}]");

    private static IReadOnlyList<RemoteEntry> Entries(string json) => RemoteEntry.ReadAll(JsonElement.Parse(json));

    private static string Address(int i) => $"net:10.0.0.{i}:8008~shs:{Key(i)}";

    private static string Key(int i) => Convert.ToBase64String([0, 0, 0, (byte)(i >> 16), (byte)(i >> 8), (byte)(i << 2), .. new byte[26]]).Replace("AAAAAAAE", "AAAAAAAB", StringComparison.Ordinal);
}
