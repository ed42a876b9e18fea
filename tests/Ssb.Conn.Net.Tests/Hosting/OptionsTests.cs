using System.Net.Sockets;
using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Hosting;

/// <summary>Options are checked, copied, and neither changed nor overwritten.</summary>
public sealed class OptionsTests : HostTestBase
{
    private static readonly KeyPair s_keys = KeyPair.Generate();

    // Every public type of options, and what checks it.
    private static readonly (object Options, Func<object, Task> Check)[] s_all =
    [
        Of(Unhurried.Peer with { Keys = s_keys }, async o => await (await SsbPeer.StartAsync(o, Token)).DisposeAsync()),
        Of(Unhurried.Network(s_keys), async o => await PeerNetwork.Open(o).DisposeAsync()),
        Of(Unhurried.Limits, async o => await PeerNetwork.Open(Unhurried.Network(s_keys) with { Limits = o }).DisposeAsync()),
        Of(new LanOptions(), async o => await new LanDiscovery(o).DisposeAsync()),
        Of(new LanLimits(), async o => await new LanDiscovery(new LanOptions { Limits = o }).DisposeAsync()),
        Of(new RouteOptions(), async o => await (await Transport.OpenAsync(MultiserverAddress.Parse("net:127.0.0.1:1~noauth").Routes[0], o, Token)).DisposeAsync()),
        Of(new ListeningSocket("x"), async o => await PeerNetwork.Open(Unhurried.Network(s_keys) with { Sockets = [o] }).DisposeAsync()),
        Of(Unhurried.Conn, async o =>
        {
            await using PeerNetwork network = PeerNetwork.Open(Unhurried.Network(s_keys));
            await (await ConnPlugin.OpenAsync(network, o, Token)).DisposeAsync();
        }),
        Of(new AdmissionOptions(), o => ValidateAsync(Unhurried.Conn with { Admission = o })),
        Of(new StagingOptions(), o => ValidateAsync(Unhurried.Conn with { Staging = o })),
        Of(new HubOptions(), o => ValidateAsync(Unhurried.Conn with { Hub = o })),
        Of(new ConnDbOptions(), o => ValidateAsync(Unhurried.Conn with { Db = o })),
        Of(new SchedulerOptions(), o => ValidateAsync(Unhurried.Conn with { Scheduler = o })),
        Of(new RpcOptions(), o =>
        {
            o.Validate();
            return Task.CompletedTask;
        }),
        Of(new HandshakeOptions(), async o => await SecretHandshake.AcceptAsync(Stream.Null, s_keys, (_, _) => new(true), o, Token)),
    ];

    public static TheoryData<string, string> Members => [.. s_all.SelectMany(all => NeverNull(all.Options.GetType())
        .Select(member => new TheoryDataRow<string, string>(all.Options.GetType().Name, member.Name)))];

    [Theory, MemberData(nameof(Members))]
    public async Task Null_OfAMemberThatIsNeverNull_IsAnArgumentExceptionThatNamesIt(string type, string member)
    {
        (object options, Func<object, Task> check) = s_all.Single(all => all.Options.GetType().Name == type);
        object copy = options.GetType().GetMethod("<Clone>$")!.Invoke(options, null)!;
        copy.GetType().GetProperty(member)!.SetValue(copy, null);
        ArgumentException e = await Assert.ThrowsAnyAsync<ArgumentException>(() => check(copy));
        Assert.Contains(member, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Members_AreOfAllTypesOfOptions()
    {
        Type[] all = [.. new[] { typeof(SsbPeer), typeof(ConnPlugin), typeof(ConnStaging), typeof(RpcApi) }.SelectMany(t => t.Assembly.GetExportedTypes())
            .Where(t => t.Name.EndsWith("Options", StringComparison.Ordinal) || t.Name.EndsWith("Limits", StringComparison.Ordinal))];
        Assert.Equal(all.Select(t => t.Name).Append(nameof(ListeningSocket)).Order(), s_all.Select(a => a.Options.GetType().Name).Order());
        Assert.True(Members.Count > 30);
    }

    [Theory]
    [InlineData("Listen"), InlineData("Sockets"), InlineData("AllowStrangers")]
    public async Task Null_InAList_IsAnArgumentExceptionThatNamesTheList(string list)
    {
        SsbPeerOptions options = list switch
        {
            "Listen" => Unhurried.Peer with { Listen = [null!] },
            "Sockets" => Unhurried.Peer with { Sockets = [null!] },
            _ => Unhurried.Peer with { AllowStrangers = [null!] },
        };
        Assert.Equal(list, (await Assert.ThrowsAsync<ArgumentException>(() => SsbPeer.StartAsync(options, Token))).ParamName);
    }

    public static TheoryData<string, Func<SsbPeerOptions, SsbPeerOptions>> Overwritten => new()
    {
        { "Conn.Folder", o => o with { Conn = o.Conn with { Folder = "/nonesuch" } } },
        { "Conn.OwnFeedId", o => o with { Conn = o.Conn with { OwnFeedId = s_keys.Id } } },
        { "Conn.TimeProvider", o => o with { Conn = o.Conn with { TimeProvider = new FakeTimeProvider() } } },
        { "Conn.Logger", o => o with { Conn = o.Conn with { Logger = new LogLines().CreateLogger("") } } },
        { "Staging.TimeProvider", o => o with { Conn = o.Conn with { Staging = new StagingOptions { TimeProvider = new FakeTimeProvider() } } } },
        { "Hub.TimeProvider", o => o with { Conn = o.Conn with { Hub = new HubOptions { TimeProvider = new FakeTimeProvider() } } } },
        { "Hub.OwnFeedId", o => o with { Conn = o.Conn with { Hub = new HubOptions { OwnFeedId = s_keys.Id } } } },
        { "Db.TimeProvider", o => o with { Conn = o.Conn with { Db = new ConnDbOptions { TimeProvider = new FakeTimeProvider() } } } },
        { "Db.Logger", o => o with { Conn = o.Conn with { Db = new ConnDbOptions { Logger = new LogLines().CreateLogger("") } } } },
        { "Lan.NetworkKey", o => o with { Lan = new LanOptions { NetworkKey = NetworkKey.Generate() } } },
        { "Lan.OwnKey", o => o with { Lan = new LanOptions { OwnKey = s_keys.Id } } },
        { "Lan.TimeProvider", o => o with { Lan = new LanOptions { TimeProvider = new FakeTimeProvider() } } },
        { "Rpc.Api", o => With(o, rpc => rpc with { Api = new RpcApi() }) },
        { "Rpc.Permissions", o => With(o, rpc => rpc with { Permissions = RpcPermissions.All }) },
        { "Rpc.Remote", o => With(o, rpc => rpc with { Remote = s_keys.Id }) },
        { "Rpc.TimeProvider", o => With(o, rpc => rpc with { TimeProvider = new FakeTimeProvider() }) },
        { "Rpc.Descriptors", o => With(o, rpc => rpc with { Descriptors = new Descriptors(7) }) },
        { "InMemory", o => o with { Folder = "x", InMemory = true } },
    };

    [Theory, MemberData(nameof(Overwritten))]
    public async Task Start_OptionThatWouldHaveNoEffect_IsAnErrorThatNamesIt(string option, Func<SsbPeerOptions, SsbPeerOptions> with)
    {
        ArgumentException e = await Assert.ThrowsAsync<ArgumentException>(() => SsbPeer.StartAsync(with(Unhurried.Peer), Token));
        Assert.Equal(option, e.ParamName);
        Assert.Contains(option, e.Message, StringComparison.Ordinal);
        Assert.Contains("set", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_SameOptionsTwice_AndOneApiForTwoPeers_Works()
    {
        var api = new RpcApi().Sync("echo", _ => "echo");
        SsbPeerOptions options = Unhurried.Peer with { Api = api, AllowStrangers = ["echo"], InMemory = true };
        await using (SsbPeer first = await SsbPeer.StartAsync(options, Token))
        await using (SsbPeer second = await SsbPeer.StartAsync(options, Token))
        {
            Assert.Contains("echo", first.Manifest.Procedures.Keys);
            Assert.Equal(first.Manifest.Procedures.Keys.Order(), second.Manifest.Procedures.Keys.Order());
        }

        api.Sync("later", _ => "later"); // it is the caller's, and was not used up
        await using SsbPeer third = await SsbPeer.StartAsync(options, Token);
        Assert.Contains("later", third.Manifest.Procedures.Keys);
        Assert.Equal(["echo", "later", "manifest"], api.Manifest.Procedures.Keys.Order());
    }

    [Fact]
    public async Task Start_ListsThatAreChangedLater_HaveNoEffect()
    {
        List<string> origins = ["http://localhost:3000"];
        List<FeedId> masters = [];
        List<string> allowed = ["echo"];
        await using SsbPeer peer = await SsbPeer.StartAsync(Unhurried.Peer with
        {
            Api = new RpcApi().Sync("echo", _ => "echo"),
            AllowStrangers = allowed,
            Masters = masters,
            Listen = ["net:127.0.0.1:0~shs"],
            Limits = Unhurried.Limits with { LocalOrigins = origins },
        }, Token);
        origins.Add("*");
        masters.Add(s_keys.Id);
        allowed.Clear();
        Assert.Equal(["http://localhost:3000"], peer.Network.Limits.LocalOrigins);
        await using PeerNetwork other = PeerNetwork.Open(Unhurried.Network(s_keys));
        RpcConnection rpc = (await other.ConnectAsync(peer.Addresses[0], Token)).Rpc;
        await rpc.CallAsync("echo", cancellationToken: Token);
        await Assert.ThrowsAsync<RpcException>(() => rpc.CallAsync("conn.dbPeers", cancellationToken: Token));
    }

    [Fact] // the working directory of a test is that of all, and is not changed
    public void Checked_RelativeFolders_AreThoseOfTheWorkingDirectoryNow()
    {
        SsbPeerOptions peer = (Unhurried.Peer with { Folder = "deep/peer", Sockets = [new ListeningSocket("socket")] }).Checked();
        Assert.Equal((Path.GetFullPath("deep/peer"), Path.GetFullPath("socket")), (peer.Folder, peer.Sockets[0].Path));
        Assert.Equal(Path.GetFullPath("x"), (Unhurried.Conn with { Folder = "x" }).Checked().Folder);
        PeerNetworkLimits limits = Unhurried.Limits with { Rpc = Unhurried.Limits.Rpc with { ReserveFolder = "r" } };
        Assert.Equal(Path.GetFullPath("r"), (Unhurried.Network(s_keys) with { Limits = limits }).Checked().Limits.Rpc.ReserveFolder);
    }

    [Fact]
    public async Task Start_PlaceToListenAtIsNone_EndsItBeforeAnythingIsMade()
    {
        await Assert.ThrowsAsync<FormatException>(() => SsbPeer.StartAsync(Options with { Listen = ["net:127.0.0.1:0~shs", "net:nowhere:1~shs"] }, Token));
        Assert.False(Directory.Exists(Folder));
    }

    [Fact]
    public async Task Host_WithoutFolderKeysOrInMemory_DoesNotStart_AndSaysWhatToSet()
    {
        IHost host = Build(builder => builder.Services.AddSsbConn()); // no section at all
        InvalidOperationException e = await Assert.ThrowsAsync<InvalidOperationException>(() => host.StartAsync(Token));
        Assert.Contains("Set Ssb:Folder in the configuration to a folder, or Ssb:InMemory to true", e.Message, StringComparison.Ordinal);
        IHost other = Build(builder => builder.Services.AddSsbConn(Options with { Folder = null }));
        e = await Assert.ThrowsAsync<InvalidOperationException>(() => other.StartAsync(Token));
        Assert.Contains("or SsbPeerOptions.Folder,", e.Message, StringComparison.Ordinal);

        using KeyPair keys = KeyPair.Generate();
        foreach (SsbPeerOptions options in (SsbPeerOptions[])[Options with { Folder = null, InMemory = true }, Options with { Folder = null, Keys = keys }])
            await (await Start(builder => builder.Services.AddSsbConn(options))).StopAsync(Token);
    }

    [Fact]
    public async Task Host_RelativeFolder_IsInTheContentRoot()
    {
        Directory.CreateDirectory(Folder);
        var settings = new HostApplicationBuilderSettings { ContentRootPath = Folder };
        HostApplicationBuilder builder = Host.CreateApplicationBuilder(settings);
        builder.Services.AddSsbConn(Options with
        {
            Folder = "deep/peer",
            Sockets = Socket.OSSupportsUnixDomainSockets ? [new ListeningSocket("socket")] : [],
        });
        using IHost host = builder.Build();
        await host.StartAsync(Token).WaitAsync(Guard, Token);
        Assert.True(File.Exists(Path.Combine(Folder, "deep", "peer", "secret")));
        Assert.Equal(Socket.OSSupportsUnixDomainSockets, File.Exists(Path.Combine(Folder, "socket")));
        await host.StopAsync(Token).WaitAsync(Guard, Token);
    }

    [Fact]
    public async Task Add_AfterThePeerWasRemoved_RunsTheNewOneOnce()
    {
        int started = 0;
        IHost host = await Start(builder =>
        {
            builder.Services.AddSsbConn(Options with { Folder = Folder + "-never" });
            builder.Services.RemoveAll<SsbPeerHost>();
            builder.Services.AddSsbConn(_ =>
            {
                started++;
                return Options;
            });
        });
        Assert.Equal(1, started);
        Assert.False(Directory.Exists(Folder + "-never"));
        SsbPeer peer = PeerOf(host);
        await host.StopAsync(Token).WaitAsync(Guard, Token);
        Assert.True(peer.Conn.IsClosed);
        await StartPeer(Options); // its folder is free: no other peer was left behind
    }

    [Fact]
    public async Task Add_AndTheHostAsAServiceOfItsOwn_RunsOnePeer()
    {
        IHost host = await Start(builder => builder.Services.AddSsbConn(Options).AddHostedService(services => services.GetRequiredService<SsbPeerHost>()));
        await host.StopAsync(Token).WaitAsync(Guard, Token);
        await StartPeer(Options);
        Assert.Single(Log.Ours, l => l.Text.EndsWith("has stopped.", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Remove_AndNoneAdded_TheHostStartsWithoutAPeer()
    {
        IHost host = await Start(builder =>
        {
            builder.Services.AddSsbConn(Options);
            builder.Services.RemoveAll<SsbPeerHost>();
        });
        Assert.Null(host.Services.GetService<SsbPeerHost>());
        Assert.False(Directory.Exists(Folder));
    }

    [Fact]
    public async Task Start_FolderOfAPeerOfThisProcess_SaysThatItIsThisProcess()
    {
        await StartPeer(Options);
        IOException e = await Assert.ThrowsAsync<IOException>(() => SsbPeer.StartAsync(Options, Token));
        Assert.Equal($"The address book in '{Folder}' is in use: this very process has it open already. End that peer first, or use another folder.", e.Message);
    }

    [Fact]
    public async Task Start_PortOfAPeerOfThisProcess_SaysThatItIsThisProcess()
    {
        SsbPeer first = await StartPeer();
        int port = first.Addresses[0].Routes[0].Port!.Value; // it listens for TCP
        SsbPeerOptions second = Unhurried.Peer with { Listen = [$"net:127.0.0.1:{port}~shs"] };
        IOException e = await Assert.ThrowsAsync<IOException>(() => SsbPeer.StartAsync(second, Token));
        Assert.Equal($"'net:127.0.0.1:{port}~shs' cannot be listened at: another listener of this very process has TCP port {port}.", e.Message);
        await first.DisposeAsync();
        await StartPeer(second);
    }

    [Fact]
    public async Task Start_SocketOfAPeerOfThisProcess_SaysThatItIsThisProcess()
    {
        Needs.UnixSockets();
        Directory.CreateDirectory(Folder);
        SsbPeerOptions options = Unhurried.Peer with { Sockets = [new ListeningSocket(Path.Combine(Folder, "socket"))] };
        await StartPeer(options);
        IOException e = await Assert.ThrowsAsync<IOException>(() => SsbPeer.StartAsync(options, Token));
        Assert.Equal($"The socket '{Path.Combine(Folder, "socket")}' cannot be listened at: another listener of this very process is there.", e.Message);
    }

    [Fact]
    public async Task Start_DamagedSecret_NamesItsFile()
    {
        Directory.CreateDirectory(Folder);
        string path = Path.Combine(Folder, "secret");
        await File.WriteAllTextAsync(path, "{", Token);
        FormatException e = await Assert.ThrowsAsync<FormatException>(() => SsbPeer.StartAsync(Options, Token));
        Assert.StartsWith($"'{path}' cannot be used. Not an SSB secret file: expected", e.Message, StringComparison.Ordinal);
        File.Delete(path);
        using (SecretFile.Create(path))
            await File.WriteAllTextAsync(path, (await File.ReadAllTextAsync(path, Token)).Replace("\"ed25519\"", "\"k256\"", StringComparison.Ordinal), Token);
        InvalidDataException other = await Assert.ThrowsAsync<InvalidDataException>(() => SsbPeer.StartAsync(Options, Token));
        Assert.StartsWith($"'{path}' cannot be used. The SSB secret is of an unknown curve", other.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead, "mode 0644")]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.GroupRead, "mode 0440")]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.UserWrite, null)]
    [InlineData(UnixFileMode.UserRead, null)] // as JavaScript makes it
    public async Task Start_SecretThatOthersMayRead_IsWarnedOf(UnixFileMode mode, string? words)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Files have no mode there.");
        Directory.CreateDirectory(Folder);
        string path = Path.Combine(Folder, "secret");
        SecretFile.Create(path).Dispose();
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, mode);
        await StartPeer(Options with { Logger = Log.CreateLogger("Ssb.Conn") });
        string[] warnings = [.. Log.Ours.Where(l => l.Level == LogLevel.Warning).Select(l => l.Text)];
        Assert.Equal(words is null ? [] : [$"The identity {path} is open to other users of this machine ({words}): whoever reads it can speak as you. Close it: chmod 600 {path}"], warnings);
    }

    private static (object, Func<object, Task>) Of<T>(T options, Func<T, Task> check)
        where T : class => (options, o => check((T)o));

    private static Task ValidateAsync(ConnPluginOptions options)
    {
        options.Validate();
        return Task.CompletedTask;
    }

    private static SsbPeerOptions With(SsbPeerOptions options, Func<RpcOptions, RpcOptions> rpc) =>
        options with { Limits = options.Limits with { Rpc = rpc(options.Limits.Rpc) } };

    private static IEnumerable<PropertyInfo> NeverNull(Type type)
    {
        var nullability = new NullabilityInfoContext();
        return type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(p => p.SetMethod is { IsPublic: true } && !p.PropertyType.IsValueType && nullability.Create(p).WriteState == NullabilityState.NotNull);
    }
}
