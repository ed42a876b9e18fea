using System.Net;
using System.Net.Sockets;
using ManagePeers;
using Ssb.Wire;

namespace Ssb.Conn.Net.Tests.Samples;

/// <summary>The network of the sample ManagePeers, to which the README sends readers.</summary>
public sealed class TcpNetworkTests : IAsyncDisposable
{
    private readonly KeyPair _own = KeyPair.Generate(), _other = KeyPair.Generate();
    private readonly TcpNetwork _network, _dialling;
    private readonly List<IDisposable> _open = [];

    public TcpNetworkTests()
    {
        (_network, _dialling) = (new TcpNetwork(_own), new TcpNetwork(_other));
        _open.AddRange(_network, _dialling);
    }

    private MultiserverAddress Address => MultiserverAddress.Parse(_network.Address);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1), InlineData(40)]
    public async Task Accept_SilentCallers_KeepNobodyOut(int silent)
    {
        await using IAsyncEnumerator<IPeerConnection> callers = _network.AcceptAsync(_ => true, Token).GetAsyncEnumerator(Token);
        ValueTask<bool> next = callers.MoveNextAsync();
        for (int i = 0; i < silent; i++)
        {
            var socket = new TcpClient();
            _open.Add(socket);
            await socket.ConnectAsync(IPAddress.Loopback, Address.Routes[0].Port!.Value, Token);
        }

        IPeerConnection dialled = await _dialling.DialAsync(new PeerDial(Address), Token).WaitAsync(Patience.Guard, Token);
        Assert.True(await next.AsTask().WaitAsync(Patience.Guard, Token));
        Assert.Equal(_other.Id, callers.Current.FeedId);
        await dialled.CloseAsync(Token);
    }

    [Fact]
    public async Task Accept_SeveralCallersOneUnwelcome_LetsTheOthersIn()
    {
        using KeyPair third = KeyPair.Generate();
        var refused = new TcpNetwork(third);
        _open.Add(refused);
        await using IAsyncEnumerator<IPeerConnection> callers = _network.AcceptAsync(who => who != third.Id, Token).GetAsyncEnumerator(Token);
        ValueTask<bool> next = callers.MoveNextAsync();
        await Assert.ThrowsAsync<ConnectFailedException>(() => refused.DialAsync(new PeerDial(Address), Token));
        IPeerConnection dialled = await _dialling.DialAsync(new PeerDial(Address), Token);
        Assert.True(await next.AsTask().WaitAsync(Patience.Guard, Token));
        await dialled.CloseAsync(Token);
    }

    [Fact]
    public async Task Serve_Stranger_MayCallOnlyWhatIsPublic()
    {
        await using IAsyncEnumerator<IPeerConnection> callers = _network.AcceptAsync(_ => true, Token).GetAsyncEnumerator(Token);
        ValueTask<bool> next = callers.MoveNextAsync();
        await using PeerNetwork stranger = PeerNetwork.Open(Unhurried.Network(_other));
        RpcConnection rpc = (await stranger.ConnectAsync(Address, Token)).Rpc;
        Assert.True(await next.AsTask().WaitAsync(Patience.Guard, Token));
        await rpc.CallAsync("manifest", cancellationToken: Token);
        await GossipPing.MeasureAsync(rpc, Token);
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => rpc.CallAsync("conn.stage", cancellationToken: Token));
        Assert.Equal("method:conn,stage is not in list of allowed methods", e.Message);
    }

    [Fact]
    public async Task Accept_Cancelled_EndsWithAllThatShakeHands()
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(Token);
        IAsyncEnumerator<IPeerConnection> callers = _network.AcceptAsync(_ => true, ended.Token).GetAsyncEnumerator(ended.Token);
        Task<bool> next = callers.MoveNextAsync().AsTask();
        using var silent = new TcpClient();
        await silent.ConnectAsync(IPAddress.Loopback, Address.Routes[0].Port!.Value, Token);
        await ended.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => next.WaitAsync(Patience.Guard, Token));
        await callers.DisposeAsync();
        Assert.Equal(0, await silent.GetStream().ReadAsync(new byte[1], Token).AsTask().WaitAsync(Patience.Guard, Token).ContinueWith(
            static read => read.IsCompletedSuccessfully ? read.Result : 0, Token, TaskContinuationOptions.None, TaskScheduler.Default)); // or it was reset
    }

    public ValueTask DisposeAsync()
    {
        _open.ForEach(o => o.Dispose());
        _own.Dispose();
        _other.Dispose();
        return ValueTask.CompletedTask;
    }
}
