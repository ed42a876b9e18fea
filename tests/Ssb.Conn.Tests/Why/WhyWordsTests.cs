namespace Ssb.Conn.Tests.Why;

/// <summary>The words and the JSON of reports, to the letter.</summary>
public class WhyWordsTests
{
    private const string Address = "net:10.0.0.1:8008~shs:Inul8sbJEJ/lxEoGlvOTN5YHSTo3f1Iu4n2aeuMifYk=";
    private const string Key = "@Inul8sbJEJ/lxEoGlvOTN5YHSTo3f1Iu4n2aeuMifYk=.ed25519";

    private static readonly DateTimeOffset s_one = Given.Start, s_two = Given.Start.AddMinutes(1);

    public static TheoryData<WhyRoute, string, string> Routes => new()
    {
        {
            Route("nowhere"),
            $"{Address} is nowhere. X.",
            $$"""{"address":"{{Address}}","where":"nowhere","failures":0,"outlook":"X"}"""
        },
        {
            Route("staged") with { Source = "pub:y" },
            $"{Address} is staged, told of by pub:y. X.",
            $$"""{"address":"{{Address}}","where":"staged","source":"pub:y","failures":0,"outlook":"X"}"""
        },
        {
            Route("staged") with { RetryAt = s_one, RetryBy = s_two, Place = 3 },
            $"{Address} is staged. X (about 2023-11-14 22:13:20Z, by 2023-11-14 22:14:20Z at the latest).",
            $$"""{"address":"{{Address}}","where":"staged","failures":0,"outlook":"X","retryAt":1700000000000,"retryBy":1700000060000,"place":3}"""
        },
        {
            Route("staged") with { RetryAt = s_one },
            $"{Address} is staged. X (about 2023-11-14 22:13:20Z at the earliest).",
            $$"""{"address":"{{Address}}","where":"staged","failures":0,"outlook":"X","retryAt":1700000000000}"""
        },
        {
            Route("staged") with { RetryBy = s_two },
            $"{Address} is staged. X (by 2023-11-14 22:14:20Z at the latest).",
            $$"""{"address":"{{Address}}","where":"staged","failures":0,"outlook":"X","retryBy":1700000060000}"""
        },
        {
            Route("remembered") with { Failures = 1 },
            $"{Address} is remembered. X. Failed 1 time.",
            $$"""{"address":"{{Address}}","where":"remembered","failures":1,"outlook":"X"}"""
        },
        {
            Route("remembered") with { Failures = 2, WasConnected = true },
            $"{Address} is remembered. X. Failed 2 times since the last connection by this route.",
            $$"""{"address":"{{Address}}","where":"remembered","failures":2,"outlook":"X","wasConnected":true}"""
        },
        {
            Route("remembered") with { Failures = 2, LastError = "E" },
            $"{Address} is remembered. X. Failed 2 times, last: E",
            $$"""{"address":"{{Address}}","where":"remembered","failures":2,"lastError":"E","outlook":"X"}"""
        },
        {
            Route("connected") with { LastError = "E", WasConnected = true },
            $"{Address} is connected. X. Last error: E",
            $$"""{"address":"{{Address}}","where":"connected","failures":0,"lastError":"E","outlook":"X","wasConnected":true}"""
        },
    };

    public static TheoryData<PeerNote, string, string, string> Notes => new()
    {
        {
            new PeerNote(s_one, "staged", "newly available", null, null),
            "2023-11-14 22:13:20Z staged: newly available",
            "2023-11-14 22:13:20Z staged: newly available",
            """{"at":1700000000000,"what":"staged","reason":"newly available"}"""
        },
        {
            new PeerNote(s_two, "staged", "newly available", Given.Address(1), "pub:y"),
            $"2023-11-14 22:14:20Z staged: newly available (told of by pub:y), {Address}",
            "2023-11-14 22:14:20Z staged: newly available (told of by pub:y)",
            $$"""{"at":1700000060000,"what":"staged","reason":"newly available","address":"{{Address}}","source":"pub:y"}"""
        },
        {
            new PeerNote(s_one, "blocked", "blocked", null, null),
            "2023-11-14 22:13:20Z blocked",
            "2023-11-14 22:13:20Z blocked",
            """{"at":1700000000000,"what":"blocked","reason":"blocked"}"""
        },
        {
            new PeerNote(s_one, "dismissed", "dismissed until 2023-11-15 22:13:20Z", null, null),
            "2023-11-14 22:13:20Z dismissed until 2023-11-15 22:13:20Z",
            "2023-11-14 22:13:20Z dismissed until 2023-11-15 22:13:20Z",
            """{"at":1700000000000,"what":"dismissed","reason":"dismissed until 2023-11-15 22:13:20Z"}"""
        },
        {
            new PeerNote(s_one, "refused", "blocked", null, null),
            "2023-11-14 22:13:20Z refused: blocked",
            "2023-11-14 22:13:20Z refused: blocked",
            """{"at":1700000000000,"what":"refused","reason":"blocked"}"""
        },
    };

    [Theory]
    [MemberData(nameof(Routes))]
    public void Route_InWordsAndAsJson(WhyRoute route, string words, string json)
    {
        Assert.Equal(words, route.ToString());
        WhyReport report = Report() with { Routes = [route] };
        Assert.Equal($"{Key}.{Environment.NewLine}  {words}{Environment.NewLine}", report.ToString());
        Assert.Equal($$"""{"subject":"{{Key}}","key":"{{Key}}","routes":[{{json}}],"history":[]}""", report.ToJson());
    }

    [Theory]
    [MemberData(nameof(Notes))]
    public void Note_InWordsAndAsJson(PeerNote note, string words, string wordsBesideItsRoute, string json)
    {
        Assert.Equal(words, note.ToString());
        WhyReport report = Report() with { History = [note] };
        string nowhere = note.What == "refused" ? "It is neither connected, nor on the bench, nor in the address book." : "Nothing is known of it now.";
        Assert.Equal([$"{Key}.", nowhere, $"  {words}", ""], Lines(report));
        Assert.Equal([$"{Key}.", $"  {Address} is staged. X.", $"  {wordsBesideItsRoute}", ""], Lines(report with { Routes = [Route("staged")] }));
        Assert.Equal($"  {words}", Lines(report with { Routes = [Route("staged"), Route("nowhere")] })[3]);
        Assert.Equal($$"""{"subject":"{{Key}}","key":"{{Key}}","routes":[],"history":[{{json}}]}""", report.ToJson());
    }

    [Theory]
    [InlineData(null, "."), InlineData(-2, ", blocked in the social graph."), InlineData(-1, ", blocked in the social graph."), InlineData(0, ", ourselves.")]
    [InlineData(1, ", 1 hop away."), InlineData(2, ", 2 hops away."), InlineData(7, ", 7 hops away.")]
    public void Hops_InWordsAndAsJson(int? hops, string words)
    {
        WhyReport report = Report() with { Hops = hops };
        Assert.Equal([$"{Key}{words}", "Nothing is known of it now.", ""], Lines(report));
        string json = hops is null ? "" : $"\"hops\":{hops},";
        Assert.Equal($$"""{"subject":"{{Key}}","key":"{{Key}}",{{json}}"routes":[],"history":[]}""", report.ToJson());
    }

    [Fact]
    public void Ourselves_InWordsAndAsJson()
    {
        WhyReport report = Report() with { IsOurselves = true };
        Assert.Equal([$"{Key}: this is ourselves, who are neither staged nor dialled.", ""], Lines(report));
        Assert.Equal($$"""{"subject":"{{Key}}","key":"{{Key}}","ourselves":true,"routes":[],"history":[]}""", report.ToJson());
    }

    [Fact]
    public void Subject_ThatIsAnAddress_NamesThePeerIfItIsKnown()
    {
        WhyReport report = Report() with { Subject = PeerTarget.From(Given.Address(1)) };
        Assert.Equal($"{Address} is {Key}.", Lines(report)[0]);
        Assert.Equal($"{Address} is {Key}: this is ourselves, who are neither staged nor dialled.", Lines(report with { IsOurselves = true })[0]);
        Assert.Equal($"{Address}.", Lines(report with { FeedId = null })[0]);
        Assert.Equal($$"""{"subject":"{{Address}}","routes":[],"history":[]}""", (report with { FeedId = null }).ToJson());
    }

    [Theory]
    [InlineData(PeerRuleKind.Block, null, "It is blocked, since 2023-11-14 22:13:20Z.", """{"target":"KEY","kind":"block","since":1700000000000}""")]
    [InlineData(PeerRuleKind.Dismiss, 1, "It is dismissed until 2023-11-14 22:14:20Z, since 2023-11-14 22:13:20Z.", """{"target":"KEY","kind":"dismiss","since":1700000000000,"until":1700000060000}""")]
    public void Rule_InWordsAndAsJson(PeerRuleKind kind, int? minutes, string words, string json)
    {
        WhyReport report = Report() with { Rule = new PeerRule(Given.Peer(1), kind, s_one, minutes is { } after ? s_one.AddMinutes(after) : null) };
        Assert.Equal([$"{Key}.", words, "Nothing is known of it now.", ""], Lines(report));
        Assert.Equal(
            $$"""{"subject":"{{Key}}","key":"{{Key}}","rule":{{json.Replace("KEY", Key, StringComparison.Ordinal)}},"routes":[],"history":[]}""",
            report.ToJson());
    }

    [Fact]
    public void SeveralRoutesAndNotes_AreInOrder()
    {
        WhyReport report = Report() with
        {
            Routes = [Route("connected"), Route("staged") with { Address = Given.Address(2) }],
            History = [new PeerNote(s_one, "a", "1", null, null), new PeerNote(s_two, "b", "2", null, null)],
        };
        Assert.Equal(
            [$"{Key}.", $"  {Address} is connected. X.", $"  {Given.Address(2)} is staged. X.", "  2023-11-14 22:13:20Z a: 1", "  2023-11-14 22:14:20Z b: 2", ""],
            Lines(report));
    }

    private static string[] Lines(WhyReport report) => report.ToString().Split(Environment.NewLine);

    private static WhyRoute Route(string where) => new(Given.Address(1), where, null, 0, null, "X", null);

    private static WhyReport Report() => new(Given.Peer(1), Given.FeedId(1), null, null, [], []);
}
