using System.Globalization;
using System.Text.Json;
using Interop.Tests.Harness;
using Ssb.Conn;

namespace Interop.Tests.Addresses;

/// <summary>Our addresses against npm multiserver-address 1.0.1, ssb-ref 2.16.0 and the <c>net</c> plugin of multiserver 3.8.2.</summary>
public class AddressOracleTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task IsValid_OwnListsOfThePackage_SameVerdict()
    {
        await using NodeOracle oracle = await NodeOracle.StartAsync();
        JsonElement lists = (await oracle.AskAsync("ownLists", [""], Cancellation))[0];
        string[] valid = Strings(lists.GetProperty("valid")), invalid = Strings(lists.GetProperty("invalid"));

        Assert.Equal((6, 10), (valid.Length, invalid.Length));
        Assert.All(valid, text => Assert.True(MultiserverAddress.IsValid(text)));
        Assert.All(invalid, text => Assert.False(MultiserverAddress.IsValid(text)));
        await CompareDecodedAsync(oracle, valid);
    }

    [Fact]
    public async Task Routes_RandomTextOfThePackage_SameParts()
    {
        await using NodeOracle oracle = await NodeOracle.StartAsync();
        JsonElement random = (await oracle.AskAsync("random", [""], Cancellation))[0];
        string[] lines = [.. Strings(random).Where(line => line.Length > 0)];

        Assert.True(lines.Length >= 90, $"only {lines.Length} lines");
        Assert.All(lines, text => Assert.True(MultiserverAddress.IsValid(text)));
        await CompareDecodedAsync(oracle, lines);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task IsValid_SixtyThousandGeneratedAndMutatedStrings_SameVerdictAndParts(int seed)
    {
        var strings = new AddressStrings(seed);
        var random = new Random(seed);
        var all = new List<string>();
        while (all.Count < 60_000)
        {
            string valid = strings.Valid(random.Next(2, 90));
            all.Add(valid);
            all.Add(strings.Mutate(valid));
            all.Add(strings.Mutate(valid));
            all.Add(random.Next(4) == 0 ? strings.Noise(random.Next(0, 12)) : strings.Mutate(strings.Mutate(valid)));
        }

        await using NodeOracle oracle = await NodeOracle.StartAsync();
        var decodable = new HashSet<string>();
        int refused = 0;
        foreach (string[] batch in all.Chunk(5_000))
        {
            IReadOnlyList<JsonElement> verdicts = await oracle.AskAsync("check", batch, Cancellation);
            for (int i = 0; i < batch.Length; i++)
            {
                bool theirs = verdicts[i].GetBoolean();
                Assert.True(theirs == MultiserverAddress.IsValid(batch[i]), $"npm says {theirs} of {NodeOracle.Quote(batch[i])}");
                Assert.Equal(theirs, MultiserverAddress.TryParse(batch[i], out _));
                refused += theirs ? 0 : 1;
                if (theirs && batch[i].Length <= 120)
                    decodable.Add(batch[i]);
            }
        }

        // Neither side of the comparison may be nearly empty.
        Assert.True(refused > 20_000, $"only {refused} were refused");
        Assert.True(decodable.Count > 10_000, $"only {decodable.Count} could be decoded");
        foreach (string[] batch in decodable.Take(12_000).Chunk(2_000))
            await CompareDecodedAsync(oracle, batch);
    }

    [Fact]
    public async Task IsValid_LengthsUpToTheLimit_SameVerdict()
    {
        var strings = new AddressStrings(seed: 3);
        var all = new List<string>();
        foreach (int length in (int[])[255, 256, 1_023, 1_024, 2_048, 4_094, 4_095, 4_096])
        {
            for (int i = 0; i < 60; i++)
            {
                string valid = strings.ValidOfLength(length);
                string mutated = strings.Mutate(valid);
                all.Add(valid);
                all.Add(mutated.Length <= MultiserverAddress.DefaultMaxLength ? mutated : mutated[^MultiserverAddress.DefaultMaxLength..]);
            }
        }

        await using NodeOracle oracle = await NodeOracle.StartAsync();
        IReadOnlyList<JsonElement> verdicts = await oracle.AskAsync("check", all, Cancellation);
        for (int i = 0; i < all.Count; i++)
            Assert.True(verdicts[i].GetBoolean() == MultiserverAddress.IsValid(all[i]), NodeOracle.Quote(all[i]));

        Assert.Contains(all, text => text.Length == MultiserverAddress.DefaultMaxLength && MultiserverAddress.IsValid(text));
    }

    [Fact]
    public async Task IsValid_OneCharacterOverTheLimit_IsOurOnlyDifference()
    {
        string text = new AddressStrings(seed: 4).ValidOfLength(MultiserverAddress.DefaultMaxLength + 1);
        await using NodeOracle oracle = await NodeOracle.StartAsync();

        Assert.True((await oracle.AskAsync("check", [text], Cancellation))[0].GetBoolean());
        Assert.False(MultiserverAddress.IsValid(text));
        Assert.True(MultiserverAddress.IsValid(text, maxLength: text.Length));
    }

    [Fact]
    public async Task Key_WhereOursIsNotNull_IsThatOfSsbRef()
    {
        var strings = new AddressStrings(seed: 5);
        var random = new Random(5);
        var all = new List<string>();
        var key = new byte[32];
        while (all.Count < 6_000)
        {
            random.NextBytes(key);
            string base64 = Convert.ToBase64String(key);
            string shs = random.Next(5) switch { 0 => base64.TrimEnd('='), 1 => base64 + ".ed25519", 2 => base64 + ":c2VlZA==", _ => base64 };
            string address = $"{strings.Valid(random.Next(2, 30))}~{(random.Next(6) == 0 ? "shs2" : "shs")}:{shs}";
            if (random.Next(3) == 0)
                address += ";" + strings.Valid(20);
            if (random.Next(4) == 0)
                address = strings.Mutate(address);
            if (MultiserverAddress.IsValid(address) && address.Length < 250)
                all.Add(address);
        }

        await using NodeOracle oracle = await NodeOracle.StartAsync();
        IReadOnlyList<JsonElement> theirs = await oracle.AskAsync("key", all, Cancellation);
        int compared = 0;
        for (int i = 0; i < all.Count; i++)
        {
            if (MultiserverAddress.Parse(all[i]).FeedId is not { } ours)
                continue;
            // The original pastes the text between '@' and '.ed25519', whatever its spelling; ours is the one canonical spelling.
            string text = theirs[i].GetString()![1..].Replace(".ed25519", "", StringComparison.Ordinal).TrimStart('@').TrimEnd('=');
            Assert.Equal(Decode(text), Decode(ours.ToBase64()[..43]));
            compared++;
        }

        Assert.True(compared > 3_000, $"only {compared} have a key");
    }

    [Fact]
    public async Task HostAndPort_OfNet_AreThoseOfMultiserver()
    {
        var random = new Random(6);
        var all = new List<string>();
        string[] hosts =
        [
            "127.0.0.1", "192.168.1.4", "255.255.255.255", "localhost", "example.com", "a-b.c-d.example", "xn--bcher-kva.example", "::1", "::",
            "fe80::1", "fe80::1ff:fe23:4567:890a", "2001:db8:0:0:1:0:0:1", "::ffff:192.168.1.4", "fe80::1%eth0", "", "1.2.3", "host_name",
        ];
        for (int i = 0; i < 2_000; i++)
        {
            string port = random.Next(6) switch { 0 => "1", 1 => "65535", _ => random.Next(1, 65_536).ToString(CultureInfo.InvariantCulture) };
            all.Add($"net:{hosts[random.Next(hosts.Length)]}:{port}");
        }

        await using NodeOracle oracle = await NodeOracle.StartAsync();
        IReadOnlyList<JsonElement> theirs = await oracle.AskAsync("net", all, Cancellation);
        for (int i = 0; i < all.Count; i++)
        {
            MultiserverRoute route = MultiserverAddress.Parse(all[i] + "~shs:x").Routes[0];
            Assert.True((theirs[i][0].GetString(), theirs[i][1].GetInt32()) == (route.Host, route.Port), all[i]);
        }
    }

    private static async Task CompareDecodedAsync(NodeOracle oracle, string[] addresses)
    {
        IReadOnlyList<JsonElement> decoded = await oracle.AskAsync("decode", addresses, Cancellation);
        for (int i = 0; i < addresses.Length; i++)
        {
            IReadOnlyList<MultiserverRoute> routes = MultiserverAddress.Parse(addresses[i]).Routes;
            string[][][] theirs = [.. decoded[i].EnumerateArray().Select(route => route.EnumerateArray().Select(Strings).ToArray())];
            string[][][] ours = [.. routes.Select(route => route.Protocols.Select(part => (string[])[part.Name, .. part.Data]).ToArray())];
            Assert.Equal(theirs, ours);
            Assert.Equal(addresses[i], MultiserverAddress.Format(routes).Text);
        }
    }

    private static string[] Strings(JsonElement array) => [.. array.EnumerateArray().Select(text => text.GetString()!)]; // all are strings

    private static byte[] Decode(string unpadded) => Convert.FromBase64String(unpadded.TrimEnd('=') + "=");
}
