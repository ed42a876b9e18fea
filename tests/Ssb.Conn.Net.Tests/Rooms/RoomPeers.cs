using System.Text.Json;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Rooms;

/// <summary>What tests of rooms have in common: a network of their own, its peers on loopback, and an end for all of them.</summary>
public abstract class RoomPeers : IAsyncDisposable
{
    private protected static readonly TimeSpan Guard = Patience.Guard;

    private readonly List<IAsyncDisposable> _open = [];
    private readonly List<KeyPair> _keys = [];

    private protected static CancellationToken Token => TestContext.Current.CancellationToken;

    private protected NetworkKey Network { get; } = NetworkKey.Generate();

    public async ValueTask DisposeAsync()
    {
        await Disposal.AllAsync(_open);
        _keys.ForEach(k => k.Dispose());
        GC.SuppressFinalize(this);
    }

    private protected KeyPair NewKeys()
    {
        var keys = KeyPair.Generate();
        _keys.Add(keys);
        return keys;
    }

    private protected T Own<T>(T open)
        where T : IAsyncDisposable
    {
        _open.Insert(0, open);
        return open;
    }

    private protected TestRoom OpenRoom(KeyPair? keys = null, string listen = "net:127.0.0.1:0~shs", string name = "test room") =>
        Own(TestRoom.Open(keys ?? NewKeys(), Network, listen, name));

    /// <summary>A peer that dials nobody by itself.</summary>
    private protected async Task<SsbPeer> StartPeer(Func<SsbPeerOptions, SsbPeerOptions>? with = null)
    {
        var options = Unhurried.Peer with
        {
            Keys = NewKeys(),
            NetworkKey = Network,
            Listen = ["net:127.0.0.1:0~shs"],
            Conn = Unhurried.Conn with { Autostart = false },
        };
        return Own(await SsbPeer.StartAsync(with?.Invoke(options) ?? options, Token));
    }

    /// <summary>A server of any kind, which serves everybody all that it has.</summary>
    private protected PeerNetwork OpenServer(RpcApi api, KeyPair? keys = null)
    {
        PeerNetwork network = PeerNetwork.Open(Unhurried.Network(keys ?? NewKeys()) with
        {
            NetworkKey = Network,
            Listen = ["net:127.0.0.1:0~shs"],
            Api = GossipPing.AddTo(api),
            Access = new RpcAccess(RpcPermissions.All),
            Limits = Unhurried.Limits with { Rpc = new RpcOptions() }, // which let it send much
        });
        _ = AcceptAll();
        return Own(network);

        async Task AcceptAll()
        {
            await foreach (IPeerConnection _ in network.AcceptAsync(_ => true, CancellationToken.None))
            {
                // Ends with the network.
            }
        }
    }

    private protected static async Task<PeerConnection> Connect(SsbPeer peer, MultiserverAddress address) =>
        (PeerConnection)await peer.Conn.ConnectAsync(address, cancellationToken: Token).WaitAsync(Guard, Token);

    private protected static void Until(Func<bool> condition) => Patience.Until(condition);

    /// <summary>Waits until exactly these are on a peer's bench.</summary>
    private protected static void UntilStaged(SsbPeer peer, FeedId room, params FeedId[] attendants) =>
        Until(() => peer.Conn.Staging.Entries().Select(e => e.Address.Text).Order(StringComparer.Ordinal)
            .SequenceEqual(attendants.Select(a => Tunnel(room, a).Text).Order(StringComparer.Ordinal)));

    private protected static MultiserverAddress Tunnel(FeedId room, FeedId attendant) => MultiserverAddress.Parse($"tunnel:{room}:{attendant}~shs:{attendant.ToBase64()}");

    private protected static FeedId KeyOf(MultiserverAddress address) => address.FeedId!.Value; // its address names it

    private protected static JsonElement DataOf(SsbPeer peer, MultiserverAddress inHub) => JsonElement.Parse(peer.Conn.Hub.Get(inHub)!.ToJson())[1];
}
