using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using ExchangeMessages;
using Interop.Tests.Harness;
using Ssb.Conn;
using Ssb.Conn.Net;
using Ssb.Conn.Net.Tests;
using Ssb.Wire;

namespace Interop.Tests.Samples;

/// <summary>The sample beside a JavaScript app with ssb-db2 8.1.0, see js-db2/db2-peer.js, which takes only what ssb-validate and ssb-keys accept.</summary>
public class ExchangeMessagesTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Exchange_WithSsbDb2_EachHasTheOthersMessages(bool weDial)
    {
        using var folder = new TemporaryFolder();
        (int theirPort, int ourPort) = (FreePorts.Tcp(), FreePorts.Tcp());
        await using PeerProcess theirs = await StartAsync(folder.Path, theirPort, "one ☃", "two \u2028 \ud83c\udf89");
        string their = await IdAsync(theirs);
        await using Sample ours = Sample.Start("ExchangeMessages", folder.Path, weDial ? [$"{ourPort}", Address(theirPort, their)] : [$"{ourPort}"]);
        JsonElement hello = JsonElement.Parse(await ours.FindAsync(_ => true));
        string our = hello.GetProperty("value").GetProperty("author").GetString() ?? "";
        if (!weDial)
            await DialAsync(theirs, Address(ourPort, our));

        // What was there before they met.
        await SameAsync(theirs, ours, our, 1, "Hello from .NET ☃");
        await SameAsync(theirs, ours, their, 1, "one ☃");
        await SameAsync(theirs, ours, their, 2, "two \u2028 \ud83c\udf89");

        // And what came after.
        await ours.TypeAsync("typed \"later\" \\ é \ud83c\udf89");
        await SameAsync(theirs, ours, our, 2, "typed \"later\" \\ é \ud83c\udf89");
        await theirs.SendAsync(new { post = "three" });
        await SameAsync(theirs, ours, their, 3, "three");
        Assert.Equal(0, await ours.EndAsync());
        Assert.DoesNotContain(theirs.Told, line => line.TryGetProperty("refused", out JsonElement why) && why.GetString()!.Contains("invalid", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Refuse_SsbDb2InTheHandshake_ItLearnsNothing()
    {
        using var folder = new TemporaryFolder();
        (int theirPort, int ourPort) = (FreePorts.Tcp(), FreePorts.Tcp());
        await using PeerProcess theirs = await StartAsync(folder.Path, theirPort);
        await using Sample ours = Sample.Start("ExchangeMessages", folder.Path, $"{ourPort}", await IdAsync(theirs));
        JsonElement hello = JsonElement.Parse(await ours.FindAsync(_ => true));
        await DialAsync(theirs, Address(ourPort, hello.GetProperty("value").GetProperty("author").GetString() ?? ""));
        await theirs.FindAsync(line => line.TryGetProperty("failed", out _));
        Assert.DoesNotContain(theirs.Told, line => line.TryGetProperty("connected", out _));
    }

    [Theory]
    [InlineData("\"text\":\"b\"", "\"text\":\"c\"", "Its author has not signed it.")]
    [InlineData("\"sequence\":2", "\"sequence\":3", "It is not the next one.")]
    [InlineData("\"hash\":\"sha256\",", "", "It has other members than a message.")]
    public async Task Exchange_MessageThatWasChanged_IsNotTaken(string text, string changed, string complaint)
    {
        using var folder = new TemporaryFolder();
        using var keys = KeyPair.Generate();
        var feeds = new Feeds();
        byte[] first = feeds.Post(keys, "a").Json.ToArray();
        string second = Encoding.UTF8.GetString(feeds.Post(keys, "b").Json.Span);
        byte[] forged = Encoding.UTF8.GetBytes(second.Replace(text, changed, StringComparison.Ordinal));
        Assert.NotEqual(second, Encoding.UTF8.GetString(forged));
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using SsbPeer liar = await SsbPeer.StartAsync(Unhurried.Peer with
        {
            Keys = keys,
            Listen = ["net:127.0.0.1:0~shs"],
            Conn = Unhurried.Conn with { Autostart = false },
            Api = new RpcApi().Source("createHistoryStream", (_, _) => new[] { first, forged }.ToAsyncEnumerable().Select(message => RpcValue.RawJson(message))),
            AllowStrangers = ["createHistoryStream"],
            OnConnected = async (connection, _) =>
            {
                await connection.Closed;
                ended.SetResult();
            },
        }, Token);
        await using Sample ours = Sample.Start("ExchangeMessages", folder.Path, $"{FreePorts.Tcp()}", liar.Addresses[0].Text);
        await ours.FindAsync(line => line.Contains("\"text\":\"a\"", StringComparison.Ordinal));
        Assert.EndsWith(complaint, await ours.FindAsync(line => line.StartsWith($"Not a message of {keys.Id}: ", StringComparison.Ordinal)), StringComparison.Ordinal);
        await ended.Task.WaitAsync(Patience.Guard, Token);
    }

    // Both have the message, and under the same id.
    private static async Task SameAsync(PeerProcess theirs, Sample ours, string author, int sequence, string text)
    {
        JsonElement here = JsonElement.Parse(await ours.FindAsync(line => line.StartsWith('{') && Is(JsonElement.Parse(line))));
        JsonElement there = (await theirs.FindAsync(line => line.TryGetProperty("message", out JsonElement message) && Is(message))).GetProperty("message");
        Assert.True(JsonElement.DeepEquals(here, there), $"{here} here, {there} there.");

        bool Is(JsonElement message)
        {
            JsonElement value = message.GetProperty("value");
            return value.GetProperty("author").GetString() == author && value.GetProperty("sequence").GetInt32() == sequence && value.GetProperty("content").GetProperty("text").GetString() == text;
        }
    }

    private static async Task<PeerProcess> StartAsync(string folder, int port, params string[] posts)
    {
        string modules = await NodeModules.GetAsync("js-db2");
        string options = JsonSerializer.Serialize(new { path = folder, port, posts });
        return new PeerProcess(LineProcess.Start(["node", "db2-peer.js", options], NodeModules.Folder("js-db2"), ("NODE_PATH", modules)), Token);
    }

    private static async Task<string> IdAsync(PeerProcess peer) =>
        (await peer.FindAsync(line => line.TryGetProperty("ready", out _))).GetProperty("ready").GetString() ?? "";

    // The sample listens a moment after its first line.
    private static async Task DialAsync(PeerProcess peer, string address)
    {
        using var poll = new PeriodicTimer(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        while (!await IsListeningAsync(int.Parse(address.Split(':')[2].Split('~')[0])))
            await poll.WaitForNextTickAsync(Token);
        await peer.SendAsync(new { connect = address });
    }

    private static async Task<bool> IsListeningAsync(int port)
    {
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync(IPAddress.Loopback, port, Token);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static string Address(int port, string id) => $"net:127.0.0.1:{port}~shs:{id[1..^".ed25519".Length]}";
}
