using System.Text.Json;
using Interop.Tests.Harness;
using Ssb.Wire;

namespace Interop.Tests.Wire;

/// <summary>Box streams on random data, sealed and opened by pull-box-stream 1.0.13 and by us.</summary>
public class BoxStreamOracleTests
{
    private const int Count = 60;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Seal_RandomWrites_SameBytesAsPullBoxStream(int seed)
    {
        Case[] cases = [.. Cases(seed)];
        await using NodeOracle oracle = await NodeOracle.StartAsync();
        IReadOnlyList<JsonElement> theirs = await oracle.AskAsync("seal", [.. cases.Select(c => c.ToJson(c.Writes))], Cancellation);
        foreach ((Case c, JsonElement their) in cases.Zip(theirs))
            Assert.Equal(their.GetString(), Convert.ToBase64String(await c.SealAsync()));
    }

    [Fact]
    public async Task Open_WhatPullBoxStreamSealed_GivesAll()
    {
        Case[] cases = [.. Cases(seed: 3)];
        await using NodeOracle oracle = await NodeOracle.StartAsync();
        IReadOnlyList<JsonElement> theirs = await oracle.AskAsync("seal", [.. cases.Select(c => c.ToJson(c.Writes))], Cancellation);
        var random = new Random(3);
        foreach ((Case c, JsonElement their) in cases.Zip(theirs))
        {
            (byte[] delivered, BoxStreamFailure? end) = await c.OpenAsync(their.GetBytesFromBase64(), random.Next(1, 20_000));
            Assert.Null(end);
            Assert.Equal(c.Plain, delivered);
        }
    }

    [Fact]
    public async Task Seal_RandomWrites_PullBoxStreamOpensAll()
    {
        Case[] cases = [.. Cases(seed: 4)];
        var random = new Random(4);
        var questions = new List<string>();
        foreach (Case c in cases)
            questions.Add(c.ToJson(Split(await c.SealAsync(), random)));

        await using NodeOracle oracle = await NodeOracle.StartAsync();
        IReadOnlyList<JsonElement> theirs = await oracle.AskAsync("open", questions, Cancellation);
        foreach ((Case c, JsonElement their) in cases.Zip(theirs))
        {
            Assert.Equal(JsonValueKind.Null, their[1].ValueKind);
            Assert.Equal(c.Plain, their[0].GetBytesFromBase64());
        }
    }

    [Fact]
    public async Task Open_OneByteChanged_SameVerdictAndSameBytes()
    {
        Case[] cases = [.. Cases(seed: 5)];
        var random = new Random(5);
        var changed = new List<byte[]>();
        foreach (Case c in cases)
        {
            byte[] bytes = await c.SealAsync();
            bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
            changed.Add(bytes);
        }

        await using NodeOracle oracle = await NodeOracle.StartAsync();
        IReadOnlyList<JsonElement> theirs = await oracle.AskAsync("open", [.. cases.Zip(changed, (c, bytes) => c.ToJson([bytes]))], Cancellation);
        for (int i = 0; i < cases.Length; i++)
        {
            (byte[] delivered, BoxStreamFailure? end) = await cases[i].OpenAsync(changed[i], 5_000);
            Assert.Equal(BoxStreamFailure.Tampered, end);
            Assert.Contains(theirs[i][1].GetString(), (string[])["invalid header", "invalid packet"]);
            Assert.Equal(theirs[i][0].GetBytesFromBase64(), delivered);
        }
    }

    private static IEnumerable<Case> Cases(int seed)
    {
        var random = new Random(seed);
        int[] edges = [0, 1, 4_095, 4_096, 4_097, 8_192, 61_440, 61_441];
        for (int i = 0; i < Count; i++)
        {
            byte[][] writes = [.. Enumerable.Range(0, random.Next(0, 8)).Select(_ =>
                Bytes(random, random.Next(3) == 0 ? edges[random.Next(edges.Length)] : random.Next(0, 10_000)))];
            byte[] nonce = Bytes(random, BoxStreamKeys.NonceSize);
            if (random.Next(4) == 0)
                nonce.AsSpan(random.Next(nonce.Length)).Fill(0xFF); // so that it carries
            yield return new Case(Bytes(random, BoxStreamKeys.KeySize), nonce, writes);
        }
    }

    private static byte[] Bytes(Random random, int length)
    {
        byte[] bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }

    private static byte[][] Split(byte[] bytes, Random random)
    {
        var pieces = new List<byte[]>();
        for (int at = 0; at < bytes.Length;)
        {
            int length = Math.Min(random.Next(1, 6_000), bytes.Length - at);
            pieces.Add(bytes[at..(at + length)]);
            at += length;
        }

        return [.. pieces];
    }

    private sealed record Case(byte[] Key, byte[] Nonce, byte[][] Writes)
    {
        public byte[] Plain => [.. Writes.SelectMany(w => w)];

        public string ToJson(byte[][] chunks) => JsonSerializer.Serialize(new { key = Key, nonce = Nonce, chunks });

        public async Task<byte[]> SealAsync()
        {
            var inner = new MemoryStream();
            await using BoxStream box = Over(inner);
            foreach (byte[] write in Writes)
                await box.WriteAsync(write, Cancellation);
            await box.ShutdownAsync(Cancellation);
            return inner.ToArray();
        }

        public async Task<(byte[] Delivered, BoxStreamFailure? End)> OpenAsync(byte[] sealedBytes, int pieces)
        {
            await using BoxStream box = Over(new MemoryStream(sealedBytes));
            var all = new List<byte>();
            byte[] buffer = new byte[pieces];
            try
            {
                while (await box.ReadAsync(buffer, Cancellation) is > 0 and var count)
                    all.AddRange(buffer.AsSpan(0, count));
                return ([.. all], null);
            }
            catch (BoxStreamException e)
            {
                return ([.. all], e.Failure);
            }
        }

        private BoxStream Over(Stream inner) => new(inner, new BoxStreamKeys(Key, Nonce, Key, Nonce), default);
    }
}
