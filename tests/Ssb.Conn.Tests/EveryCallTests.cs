using System.Reflection;
using System.Runtime.CompilerServices;

namespace Ssb.Conn.Tests;

/// <summary>What holds for every public method of the manager and its parts. The methods are found by reflection, so that one that is added
/// is tested too.</summary>
public class EveryCallTests : PluginTestBase
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly;

    // These end something, or pass a notice on. When it is closed, they find nothing to do.
    private static readonly string[] s_endings =
    [
        nameof(IDisposable.Dispose), nameof(IAsyncDisposable.DisposeAsync), nameof(ConnStaging.Close), nameof(ConnHub.ResetAsync),
        nameof(ConnPlugin.StopAsync), nameof(ConnPlugin.NotifyDownload), nameof(ConnPlugin.NotifyNetworkChangeAsync),
        nameof(ConnPlugin.NotifyWakeUpAsync), nameof(ConnPlugin.NoteRefusal),
        nameof(ConnHub.Keeps), nameof(ConnHub.TryUpdate), nameof(ConnHub.TryJoin), nameof(ConnHub.StartDisconnect),
    ];

    [Theory]
    [InlineData(typeof(ConnPlugin)), InlineData(typeof(ConnStaging)), InlineData(typeof(ConnDb)), InlineData(typeof(ConnHub))]
    [InlineData(typeof(ConnQuery))]
    public async Task EveryCall_Closed_ThrowsBeforeItLooksAtAnArgument(Type type)
    {
        ConnPlugin conn = await Open();
        await conn.DisposeAsync();
        MethodInfo[] calls = [.. MethodsOf(type).Where(m => !s_endings.Contains(m.Name)), .. TextMethodsOf(type)];
        Assert.NotEmpty(calls);
        foreach (MethodInfo call in calls)
            AssertThrows<ObjectDisposedException>(call, await OutcomeOf(call, conn, static _ => null)); // the default of a value type
    }

    [Theory]
    [InlineData(typeof(ConnPlugin)), InlineData(typeof(ConnStaging)), InlineData(typeof(ConnDb)), InlineData(typeof(ConnHub))]
    public async Task EveryEnding_Closed_DoesNothing(Type type)
    {
        ConnPlugin conn = await Open();
        await conn.DisposeAsync();
        MethodInfo[] calls = [.. MethodsOf(type).Where(m => s_endings.Contains(m.Name))];
        Assert.NotEmpty(calls);
        foreach (MethodInfo call in calls)
            Assert.True(await OutcomeOf(call, conn, Usual) is null or false);
    }

    [Theory]
    [InlineData(typeof(ConnPlugin)), InlineData(typeof(ConnStaging)), InlineData(typeof(ConnDb)), InlineData(typeof(ConnHub))]
    public async Task EveryTextCall_InvalidText_IsAFormatExceptionAndChangesNothing(Type type)
    {
        string seed = Given.Base64(7);
        string[] invalid =
        [
            "", " ", "bad!", "x:y:z", "@short.ed25519", $"@{Given.Base64(1)}.ed25519 ", $"{Given.Address(1)}~", $" {Given.Address(1)}",
            $"{Given.Address(1)};", $"{Given.Address(1)}\n", $"{Given.Address(1)}:{seed}~",
            "net:" + new string('x', MultiserverAddress.DefaultMaxLength),
        ];
        Reachable();
        ConnPlugin conn = await Open();
        conn.Stage(Given.Address(1));
        conn.Remember(Given.Address(2));
        await conn.ConnectAsync(Given.Address(3)).Guarded();
        conn.Dismiss(Given.Peer(4));
        object[] before = StateOf(conn);
        PeerRule[] rules = [.. conn.Rules];
        MethodInfo[] calls = TextMethodsOf(type);
        Assert.NotEmpty(calls);
        foreach (MethodInfo call in calls)
        {
            foreach (string text in invalid)
            {
                object? outcome = await OutcomeOf(call, conn, p => p.Name is "address" or "target" ? text : Usual(p));
                AssertThrows<FormatException>(call, outcome);
                Assert.DoesNotContain(seed, $"{outcome}", StringComparison.Ordinal);
            }
        }

        Assert.Equal(before, StateOf(conn), ReferenceEqualityComparer.Instance);
        Assert.Equal(rules, conn.Rules);
        Assert.Empty(conn.AdmissionCounters.Refused);
        Assert.Single(Network.Dials);
    }

    [Theory]
    [InlineData(typeof(ConnPlugin)), InlineData(typeof(ConnStaging)), InlineData(typeof(ConnDb)), InlineData(typeof(ConnHub))]
    public async Task EveryTextCall_Null_IsAnArgumentNullException(Type type)
    {
        ConnPlugin conn = await Open();
        foreach (MethodInfo call in TextMethodsOf(type))
            AssertThrows<ArgumentNullException>(call, await OutcomeOf(call, conn, p => p.Name is "address" or "target" ? null : Usual(p)));
    }

    [Theory]
    [InlineData(typeof(ConnPlugin)), InlineData(typeof(ConnStaging)), InlineData(typeof(ConnDb)), InlineData(typeof(ConnHub))]
    public async Task EveryTextCall_ValidText_IsTheCallOfTheSameName(Type type)
    {
        MultiserverAddress address = Given.Address(1);
        var data = PeerData.Parse("""{"type":"pub"}""");
        Func<ConnPlugin, Task>[] situations =
        [
            static _ => Task.CompletedTask,
            conn => Task.FromResult(conn.Stage(address)),
            async conn =>
            {
                conn.Remember(address, data);
                await conn.ConnectAsync(address, data).Guarded();
            },
            conn =>
            {
                conn.Dismiss(PeerTarget.From(address));
                return Task.CompletedTask;
            },
        ];
        Reachable();
        foreach (MethodInfo call in TextMethodsOf(type))
        {
            ParameterInfo[] others = [.. call.GetParameters().Skip(2)];
            MethodInfo twin = Assert.Single(MethodsOf(type), m => m.Name == call.Name
                && m.GetParameters().Skip(1).Select(p => p.ParameterType).SequenceEqual(others.Select(p => p.ParameterType)));
            Assert.Equal(twin.ReturnType, call.ReturnType);
            Assert.Equal(twin.GetParameters().Skip(1).Select(p => p.DefaultValue), others.Select(p => p.DefaultValue));
            foreach (Func<ConnPlugin, Task> prepare in situations)
            {
                ConnPlugin byText = await Open(), byValue = await Open();
                await prepare(byText);
                await prepare(byValue);
                object? result = await OutcomeOf(call, byText, p => p.Name is "address" or "target" ? address.Text : Usual(p));
                object? expected = await OutcomeOf(
                    twin, byValue, p => p.Name == "address" ? address : p.Name == "target" ? PeerTarget.From(address) : Usual(p));
                Assert.IsNotType<Exception>(expected, exactMatch: false);
                Assert.Equal($"{expected}", $"{result}");
                Assert.Equal(ContentOf(byValue), ContentOf(byText));
            }
        }
    }

    /// <summary>The spellings of SSB URIs that the specification has, and what each names: a peer, or else its address.</summary>
    public static TheoryData<string, bool> Uris
    {
        get
        {
            string key = Given.Base64(Signs).Replace('+', '-').Replace('/', '_'), address = Uri.EscapeDataString(Given.Address(Signs).Text);
            return new TheoryData<string, bool>
            {
                { $"ssb:feed/ed25519/{key}", true }, { $"ssb://feed/ed25519/{key}", true }, { $"ssb:feed:ed25519:{key}", true },
                { $"ssb:feed/classic/{key}", true }, { $"ssb://feed/classic/{key}", true }, { $"ssb:feed:classic:{key}", true },
                { $"SSB:feed/ed25519/{key}", true }, { $"ssb:feed/ed25519/{key[..43]}", true }, { $"ssb:feed/ed25519/{key[..43]}%3D", true },
                { $"ssb:feed/ed25519/{key}?q=1#f", true }, { $"ssb:feed/ed25519/{key}/", true }, { $"ssb:feed/ed25519/{Given.Base64(Signs)}", true },
                { $"ssb:address/multiserver?multiserverAddress={address}", false }, { $"ssb://address/multiserver?multiserverAddress={address}", false },
                { $"ssb:address:multiserver?multiserverAddress={address}", false }, { $"ssb:address/multiserver?multiserverAddress={Given.Address(Signs)}", false },
                { $"ssb:address/multiserver?a=b&multiserverAddress={address}#x", false },
            };
        }
    }

    // A key with both of the characters that URLs spell otherwise.
    private static int Signs { get; } = Enumerable.Range(1, 1_000).First(n => Given.Base64(n).Contains('+') && Given.Base64(n).Contains('/'));

    [Theory, MemberData(nameof(Uris))]
    public async Task EveryTextCall_SsbUri_IsTheCallOfWhatItNames(string uri, bool isPeer)
    {
        MultiserverAddress address = Given.Address(Signs);
        PeerTarget target = isPeer ? Given.Peer(Signs) : PeerTarget.From(address);
        Reachable();
        int calls = 0;
        foreach (Type type in (Type[])[typeof(ConnPlugin), typeof(ConnStaging), typeof(ConnDb), typeof(ConnHub)])
        {
            foreach (MethodInfo call in TextMethodsOf(type))
            {
                ConnPlugin byText = await Open(), byValue = await Open();
                object? result = await OutcomeOf(call, byText, p => p.Name is "address" or "target" ? uri : Usual(p));
                if (isPeer && call.GetParameters()[1].Name == "address")
                {
                    AssertThrows<FormatException>(call, result); // it does not say where the peer is
                    continue;
                }

                ParameterInfo[] others = [.. call.GetParameters().Skip(2)];
                MethodInfo twin = MethodsOf(type).Single(m => m.Name == call.Name
                    && m.GetParameters().Skip(1).Select(p => p.ParameterType).SequenceEqual(others.Select(p => p.ParameterType)));
                object? expected = await OutcomeOf(twin, byValue, p => p.Name == "address" ? address : p.Name == "target" ? target : Usual(p));
                Assert.IsNotType<Exception>(expected, exactMatch: false);
                Assert.Equal($"{expected}", $"{result}");
                Assert.Equal(ContentOf(byValue), ContentOf(byText));
                calls++;
            }
        }

        Assert.InRange(calls, 5, int.MaxValue);
    }

    /// <summary>What names nobody, by whatever spelling.</summary>
    public static TheoryData<string> Nobody
    {
        get
        {
            string key = Given.Base64(Signs).Replace('+', '-').Replace('/', '_');
            return
            [
                "bob", "bob:8008", "localhost:8008", "https://example.org", "net", "net:host", "net:host:99999", "unix", "tunnel", "bob~shs", "bob~noauth", "bt",
                $"ssb:message/sha256/{key}", $"ssb:message/classic/{key}", $"ssb:blob/sha256/{key}", $"ssb://blob/classic/{key}", $"ssb:message:sha256:{key}",
                $"ssb:feed/bendybutt-v1/{key}", $"ssb:feed/gabbygrove-v1/{key}", $"ssb:feed/ed25519/{key[..42]}", "ssb:feed/ed25519/bob", "ssb:feed/ed25519/", "ssb:feed/ed25519", "ssb:feed",
                "ssb:", "ssb://", "ssb:bob", $"ssb:encryption-key/box2-dm-dh/{key}", $"ssb:identity/po-box/{key}", "ssb:experimental?action=x&address=net:a:1",
                "ssb:address/multiserver", "ssb:address/multiserver?multiserverAddress=", "ssb:address/multiserver?multiserverAddress=bob",
                "ssb:address/multiserver?multiserverAddress=no%20address", $"ssb:address/multiserver?multiserverAddress=ssb:feed/ed25519/{key}", $"ssb:address/other?multiserverAddress=net:a:1",
            ];
        }
    }

    [Theory, MemberData(nameof(Nobody))]
    public async Task EveryTargetCall_OfNobody_IsRefused_AndOnlyWhatWasDecidedIsTakenBack(string nobody)
    {
        ConnPlugin conn = await Open();
        Assert.StartsWith("The target is neither a feed id", Assert.Throws<FormatException>(() => conn.Dismiss(nobody)).Message, StringComparison.Ordinal);
        Assert.Throws<FormatException>(() => conn.Snooze(nobody, TimeSpan.FromHours(1)));
        Assert.Throws<FormatException>(() => conn.Block(nobody));
        Assert.Empty(conn.Rules);
        if (!MultiserverAddress.TryParse(nobody, out MultiserverAddress? address))
        {
            Assert.Throws<FormatException>(() => conn.Why(nobody));
            return;
        }

        Assert.Equal(PeerTarget.From(address), conn.Why(nobody).Subject); // it says of every address whether it can be dialled
        conn.Dismiss(PeerTarget.From(address)); // as a file of rules may have it
        Assert.True(conn.Undo(nobody));
        Assert.Empty(conn.Rules);
    }

    [Theory, MemberData(nameof(Uris))]
    public async Task Rules_SsbUriInTheFile_AreAboutWhatItNames(string uri, bool isPeer)
    {
        string folder = NewFolder();
        string file = Path.Combine(folder, "conn-rules.json");
        await File.WriteAllTextAsync(file, $$"""{"rules":[{"target":{{System.Text.Json.JsonSerializer.Serialize(uri)}},"kind":"block","since":1}]}""", TestContext.Current.CancellationToken);
        ConnPlugin conn = await Open(new ConnPluginOptions { Autostart = false, Folder = folder });
        Assert.Equal(isPeer ? Given.Peer(Signs) : PeerTarget.From(Given.Address(Signs)), Assert.Single(conn.Rules).Target);
    }

    [Theory]
    [InlineData(typeof(ConnPlugin)), InlineData(typeof(ConnStaging)), InlineData(typeof(ConnDb)), InlineData(typeof(ConnHub))]
    [InlineData(typeof(ConnQuery))]
    public void EveryMethod_TakesAddressesAndPeersAsValues(Type type) =>
        Assert.All(
            MethodsOf(type).SelectMany(m => m.GetParameters()).Where(p => p.ParameterType == typeof(string)),
            p => Assert.Contains(p.Name, (string[])["source", "reason", "what"]));

    private static MethodInfo[] MethodsOf(Type type) => [.. type.GetMethods(Declared).Where(m => !m.IsSpecialName)];

    /// <summary>The extension methods for callers that have a text.</summary>
    private static MethodInfo[] TextMethodsOf(Type type) =>
    [
        .. new[] { typeof(ConnText), typeof(ConnStagingText) }.SelectMany(t => t.GetMethods(BindingFlags.Public | BindingFlags.Static))
            .Where(m => m.IsDefined(typeof(ExtensionAttribute)) && m.GetParameters()[0].ParameterType == type),
    ];

    /// <summary>What a method throws, at once or by its task; else what it, or its task, returns.</summary>
    private static async Task<object?> OutcomeOf(MethodInfo method, ConnPlugin conn, Func<ParameterInfo, object?> argument)
    {
        object?[] arguments = [.. method.GetParameters().Select(p => Of(conn, p.ParameterType) ?? argument(p))];
        try
        {
            object? result = method.Invoke(Of(conn, method.DeclaringType!), BindingFlags.DoNotWrapExceptions, null, arguments, null);
            if (result is ValueTask ending)
                result = ending.AsTask();
            if (result is not Task task)
                return result;
            await task.Guarded();
            return task switch
            {
                Task<bool> ended => await ended,
                Task<IPeerConnection> made => await made,
                _ => null,
            };
        }
        catch (Exception e) when (e is not TimeoutException)
        {
            return e;
        }
    }

    private static object? Of(ConnPlugin conn, Type type) => type == typeof(ConnPlugin) ? conn : type == typeof(ConnStaging) ? conn.Staging
        : type == typeof(ConnDb) ? conn.Db : type == typeof(ConnHub) ? conn.Hub : type == typeof(ConnQuery) ? conn.Query : null;

    private static object? Usual(ParameterInfo parameter) => parameter.HasDefaultValue ? parameter.DefaultValue
        : parameter.ParameterType == typeof(PeerData) ? PeerData.Empty
        : parameter.ParameterType == typeof(FeedId?) ? Given.FeedId(1)
        : parameter.ParameterType == typeof(TimeSpan) ? TimeSpan.FromHours(1)
        : parameter.ParameterType == typeof(MultiserverAddress) ? Given.Address(1)
        : parameter.ParameterType == typeof(FeedId) ? Given.FeedId(1)
        : parameter.ParameterType == typeof(string) ? "reason"
        : parameter.IsOut ? null
        : throw new ArgumentException($"There is no usual argument for '{parameter}'.", nameof(parameter));

    private static void AssertThrows<T>(MethodInfo call, object? outcome) =>
        Assert.True(outcome is T, $"{call.DeclaringType?.Name}.{call}: expected {typeof(T).Name}, not {outcome ?? "nothing"}");

    // Each is made anew after a change, and only then.
    private static object[] StateOf(ConnPlugin conn) => [conn.Staging.Entries(), conn.Hub.Snapshot(), conn.Db.Snapshot()];

    private static string ContentOf(ConnPlugin conn) => string.Join('\n',
    [
        .. conn.Staging.Entries().Select(p => p.ToJson()), .. conn.Hub.Entries().Select(p => p.ToJson()),
        .. conn.DbPeers().Select(p => $"{p.Address} {p.Data.ToJson()}"),
        .. conn.Rules.Select(r => $"{r.Target} {r}"),
    ]);
}
