using System.Globalization;
using System.Text;
using System.Text.Json;
using Interop.Tests.Harness;
using Ssb.Wire;

namespace Interop.Tests.Wire;

/// <summary>Our frames against npm packet-stream-codec 1.2.0, in both directions.</summary>
public class RpcFrameOracleTests
{
    private const int Frames = 5_000;

    private static readonly TimeSpan s_patience = Patience.Guard;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Read_FramesOfTheCodec_AsTheyWereMeant(int seed)
    {
        Meant[] meant = Generate(seed);
        await using NodeOracle oracle = await NodeOracle.StartAsync();
        IReadOnlyList<JsonElement> encoded = await oracle.AskAsync("rpcEncode", [.. meant.Select(m => m.Question())], Cancellation);
        foreach ((Meant expected, JsonElement text) in meant.Zip(encoded))
        {
            byte[] bytes = text.GetBytesFromBase64();
            RpcFrame frame = RpcFrame.Read(bytes);
            Assert.Equal(bytes.Length - RpcFrame.HeaderSize, (int)frame.Length);
            Assert.Equal((expected.Request, expected.IsStream, expected.IsEnd, true), (frame.Request, frame.IsStream, frame.IsEnd, frame.IsKnown));
            expected.AssertSame(RpcValue.Received(frame.Kind, bytes.AsSpan(RpcFrame.HeaderSize)));
            Assert.False(frame.IsGoodbye);
        }
    }

    [Theory]
    [InlineData(3, 509)]
    [InlineData(4, 4096)]
    [InlineData(5, 1_000_003)]
    public async Task Write_FramesOfOurs_ReadByTheCodecAsTheyWereMeant(int seed, int chunk)
    {
        Meant[] meant = Generate(seed);
        using var written = new MemoryStream();
        var output = new RpcOutput(written, TimeProvider.System, RpcOutput.Room, e => Assert.Fail(e.ToString()));
        foreach (Meant m in meant)
        {
            RpcValue value = m.Value();
            int flags = RpcFrame.TypeOf(value.Kind) | (m.IsStream ? RpcFrame.Stream : 0) | (m.IsEnd ? RpcFrame.End : 0);
            output.Add((byte)flags, m.Request, value.Bytes.Span);
        }

        await output.CompleteAsync().WaitAsync(s_patience, TimeProvider.System, Cancellation);
        await using NodeOracle oracle = await NodeOracle.StartAsync();
        string question = $$"""{"bytes":"{{Convert.ToBase64String(written.ToArray())}}","chunk":{{chunk}}}""";
        JsonElement decoded = (await oracle.AskAsync("rpcDecode", [question], Cancellation))[0];

        Assert.True(decoded.ValueKind == JsonValueKind.Array, decoded.ToString());
        Assert.Equal(Frames + 1, decoded.GetArrayLength());
        foreach ((Meant expected, JsonElement frame) in meant.Zip(decoded.EnumerateArray()))
        {
            Assert.Equal(
                (expected.Request, expected.IsStream, expected.IsEnd),
                (frame.GetProperty("req").GetInt32(), frame.GetProperty("stream").GetBoolean(), frame.GetProperty("end").GetBoolean()));
            expected.AssertSame(RpcSpecs.Make(frame.GetProperty("value")));
        }

        Assert.Equal("GOODBYE", decoded[Frames].GetString());
    }

    private static Meant[] Generate(int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, Frames).Select(i => Meant.Random(random, i < 8 ? 300_000 : 40))];
    }

    /// <summary>A frame: its body as a text, as bytes, or as JSON.</summary>
    private sealed record Meant(int Request, bool IsStream, bool IsEnd, string? Text, byte[]? Bytes, string? Json)
    {
        public static Meant Random(Random random, int size)
        {
            int request = random.Next(6) switch
            {
                0 => int.MaxValue,
                1 => int.MinValue,
                2 => 0,
                _ => random.Next(1, 1 << random.Next(1, 31)) * (random.Next(2) == 0 ? 1 : -1),
            };
            var frame = new Meant(request, random.Next(2) == 0, random.Next(2) == 0, null, null, null);
            switch (random.Next(3))
            {
                case 0:
                    // Without a lone surrogate, which neither of us can write as UTF-8; more than 4 KiB of text the oracle only hashes.
                    return frame with { Text = RandomText(random, Math.Min(size, 1_000), least: 1) };
                case 1:
                    byte[] bytes = new byte[random.Next(1, Math.Min(size, 4_096) + 1)];
                    random.NextBytes(bytes);
                    return frame with { Bytes = bytes };
                default:
                    return frame with { Json = RandomJson(random, size, depth: 0) };
            }
        }

        public string Question() => string.Create(CultureInfo.InvariantCulture,
            $$"""{"req":{{Request}},"stream":{{(IsStream ? "true" : "false")}},"end":{{(IsEnd ? "true" : "false")}},"value":{{Spec()}}}""");

        // One of the three is there.
        public RpcValue Value() =>
            Text is not null ? RpcValue.Text(Text) : Bytes is not null ? RpcValue.Binary(Bytes) : RpcValue.RawJson(Encoding.UTF8.GetBytes(Json!));

        public void AssertSame(RpcValue value)
        {
            RpcValueKind kind = Text is not null ? RpcValueKind.Text : Bytes is not null ? RpcValueKind.Binary : RpcValueKind.Json;
            Assert.Equal(kind, value.Kind);
            if (Text is not null)
                Assert.Equal(Text, value.AsText());
            else if (Bytes is not null)
                Assert.Equal(Bytes, value.Bytes.ToArray());
            else
                RpcSpecs.AssertTold(Json!, value.AsJson().GetRawText()); // the third then
        }

        private string Spec() =>
            Text is not null ? NodeOracle.Quote(Text) : Bytes is not null ? $$"""{"$bytes":"{{Convert.ToBase64String(Bytes)}}"}""" : Json!; // see above

        private static string RandomJson(Random random, int size, int depth) => random.Next(depth > 2 ? 5 : 7) switch
        {
            0 => "null",
            1 => random.Next(2) == 0 ? "true" : "false",
            2 => random.Next(int.MinValue, int.MaxValue).ToString(CultureInfo.InvariantCulture),
            3 => (BitConverter.Int64BitsToDouble(random.NextInt64()) is var d && double.IsFinite(d) ? d : 0.1).ToString("R", CultureInfo.InvariantCulture),
            // At the top a string would be a text.
            4 => depth == 0 ? "[]" : NodeOracle.Quote(RandomText(random, 20, least: 0)),
            5 => "["
                + string.Join(",", Enumerable.Range(0, random.Next(depth == 0 ? Math.Min(size, 400) : 5)).Select(_ => RandomJson(random, size, depth + 1)))
                + "]",
            _ => "{" + string.Join(",", Enumerable.Range(0, random.Next(5)).Select(i => RandomMember(random, i, size, depth))) + "}",
        };

        private static string RandomMember(Random random, int i, int size, int depth) =>
            $"{NodeOracle.Quote(i + RandomText(random, 8, least: 0))}:{RandomJson(random, size, depth + 1)}";

        private static string RandomText(Random random, int most, int least)
        {
            var text = new StringBuilder();
            int length = random.Next(least, Math.Max(least, most) + 1);
            while (text.Length < length)
            {
                int rune = random.Next(5) switch
                {
                    0 => random.Next(0x20),
                    1 => random.Next(0x80, 0xD800),
                    2 => random.Next(0xE000, 0x110000),
                    _ => random.Next(0x20, 0x7F),
                };
                text.Append(new Rune(rune).ToString());
            }

            return text.ToString();
        }
    }
}
