using System.Text;
using System.Text.Json;
using Interop.Tests.Harness;
using Ssb.Wire;

namespace Interop.Tests.Signing;

/// <summary>Our JSON bytes against <c>JSON.stringify</c>, our signatures and secret files against npm ssb-keys 8.5.0.</summary>
public class SigningOracleTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task CompactAndIndented_TenThousandGeneratedTexts_BytesOfStringify(int seed)
    {
        var texts = new JsonTexts(seed);
        string[] all = [.. Enumerable.Range(0, 10_000).Select(_ => texts.Value())];
        await using NodeOracle oracle = await NodeOracle.StartAsync();
        IReadOnlyList<JsonElement> theirs = await oracle.AskAsync("stringify", all, Cancellation);
        for (int i = 0; i < all.Length; i++)
        {
            byte[] text = Encoding.UTF8.GetBytes(all[i]);
            Assert.True(theirs[i].ValueKind == JsonValueKind.Array, $"the test made what is no JSON: {all[i]}");
            Assert.Equal(Text(theirs[i][0].GetBytesFromBase64()), Text(JavaScriptJson.Compact(text)));
            Assert.Equal(Text(theirs[i][1].GetBytesFromBase64()), Text(JavaScriptJson.Indented(text)));
        }
    }

    [Fact]
    public async Task Parse_MutatedTexts_SameVerdictAndBytes()
    {
        var texts = new JsonTexts(seed: 3);
        string[] all = [.. Enumerable.Range(0, 20_000).Select(_ => texts.Mutate(texts.Value()))];
        await using NodeOracle oracle = await NodeOracle.StartAsync();
        IReadOnlyList<JsonElement> theirs = await oracle.AskAsync("stringify", all, Cancellation);
        int refused = 0;
        for (int i = 0; i < all.Length; i++)
        {
            byte[] text = Encoding.UTF8.GetBytes(all[i]);
            string? ours = null;
            try
            {
                ours = Convert.ToBase64String(JavaScriptJson.Compact(text));
            }
            catch (FormatException)
            {
                refused++;
            }

            string? expected = theirs[i].ValueKind == JsonValueKind.Null ? null : theirs[i][0].GetString();
            Assert.True(expected == ours, $"differs: {NodeOracle.Quote(all[i])}");
        }

        Assert.InRange(refused, 5_000, 19_000);
    }

    [Fact]
    public async Task Sign_GeneratedObjects_IsWhatSsbKeysSignsAndVerifies()
    {
        var texts = new JsonTexts(seed: 4);
        string[] all = [.. Enumerable.Range(0, 2_000).Select(_ => texts.Object())];
        using KeyPair keys = KeyPair.FromSeed(Seed(7));
        await using NodeOracle oracle = await NodeOracle.StartAsync();

        IReadOnlyList<JsonElement> theirs = await oracle.AskAsync("sign", [.. all.Select(text => $"{{\"seed\":7,\"text\":{NodeOracle.Quote(text)}}}")], Cancellation);
        string[] ours = [.. all.Select(text => Text(SignedObject.Sign(keys, Encoding.UTF8.GetBytes(text))))];

        Assert.Equal(theirs.Select(signed => signed.GetString()), ours);
        Assert.All(await VerifyAsync(oracle, keys.Id, ours), verdict => Assert.True(verdict.GetBoolean()));
        Assert.All(ours, signed => Assert.True(SignedObject.Verify(keys.Id, Encoding.UTF8.GetBytes(signed))));
    }

    [Fact]
    public async Task Verify_TamperedObjects_SameVerdictAsSsbKeys()
    {
        var texts = new JsonTexts(seed: 5);
        var random = new Random(5);
        using KeyPair keys = KeyPair.FromSeed(Seed(8));
        using KeyPair other = KeyPair.FromSeed(Seed(9));
        var all = new List<string>();
        while (all.Count < 3_000)
        {
            string signed = Text(SignedObject.Sign(random.Next(10) == 0 ? other : keys, Encoding.UTF8.GetBytes(texts.Object())));
            // The signature stays as it is: what base64 may look like is a deliberate difference.
            int signature = signed.LastIndexOf("\"signature\"", StringComparison.Ordinal);
            string tampered = random.Next(2) == 0 ? signed : texts.Mutate(signed[..signature]) + signed[signature..];
            if (IsJson(tampered))
                all.Add(tampered);
        }

        await using NodeOracle oracle = await NodeOracle.StartAsync();
        IReadOnlyList<JsonElement> theirs = await VerifyAsync(oracle, keys.Id, all);
        int good = 0;
        for (int i = 0; i < all.Count; i++)
        {
            bool ours = SignedObject.Verify(keys.Id, Encoding.UTF8.GetBytes(all[i]));
            Assert.True((theirs[i].ValueKind == JsonValueKind.True) == ours, all[i]);
            good += ours ? 1 : 0;
        }

        Assert.InRange(good, 1_000, 2_700);
    }

    [Fact]
    public async Task Load_FileWrittenBySsbKeys_IsTheSameIdentity()
    {
        using var folder = new TemporaryFolder();
        await using NodeOracle oracle = await NodeOracle.StartAsync();
        string path = Path.Combine(folder.Path, "secret");
        string? id = (await oracle.AskAsync("createSecret", [path], Cancellation))[0].GetString();

        using KeyPair keys = SecretFile.Load(path);
        Assert.Equal(id, keys.Id.ToString());
        string signed = Text(SignedObject.Sign(keys, "{\"a\":1}"u8));
        Assert.True((await VerifyAsync(oracle, keys.Id, [signed]))[0].GetBoolean());
    }

    [Fact]
    public async Task Create_LoadedBySsbKeys_IsTheSameIdentity()
    {
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.Path, "secret");
        using KeyPair keys = SecretFile.Create(path);

        await using NodeOracle oracle = await NodeOracle.StartAsync();
        JsonElement loaded = (await oracle.AskAsync("loadSecret", [path], Cancellation))[0];
        Assert.Equal(keys.Id.ToString(), loaded[0].GetString());
        Assert.True(SignedObject.Verify(keys.Id, Encoding.UTF8.GetBytes(loaded[1].GetString()!))); // a signed object as text
    }

    private static Task<IReadOnlyList<JsonElement>> VerifyAsync(NodeOracle oracle, FeedId author, IEnumerable<string> signed) =>
        oracle.AskAsync("verify", [.. signed.Select(text => $"{{\"id\":\"{author}\",\"text\":{NodeOracle.Quote(text)}}}")], Cancellation);

    private static bool IsJson(string text)
    {
        try
        {
            return JsonGate.Parse(Encoding.UTF8.GetBytes(text)).ValueKind == JsonValueKind.Object;
        }
        catch (FormatException)
        {
            return false;
        }
    }

    private static byte[] Seed(byte value) => [.. Enumerable.Repeat(value, KeyPair.SeedSize)];

    private static string Text(byte[] utf8) => Encoding.UTF8.GetString(utf8);
}
