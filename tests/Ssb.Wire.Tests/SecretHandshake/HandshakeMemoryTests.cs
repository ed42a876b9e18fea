using System.Reflection;

namespace Ssb.Wire.Tests;

/// <summary>What a handshake knew is wiped when it ends, however it ends. Alone, as the next handshake uses the same memory.</summary>
[Collection(nameof(Alone))]
public class HandshakeMemoryTests : HandshakeScene
{
    [Fact]
    public void Dispose_State_IsWiped()
    {
        var state = new HandshakeState(Network, Client);
        state.MakeEphemeral();
        byte[] memory = MemoryOf(state);
        Assert.True(memory.AsSpan().IndexOf(KeyTests.SecretOf(Client)) >= 0);
        state.Dispose();
        Assert.All(memory, b => Assert.Equal(0, b));
    }

    [Fact]
    public async Task Success_WipesBothStates()
    {
        using var released = new SemaphoreSlim(0);
        Task<BoxStream> accepting = AcceptAsync(async (_, cancellationToken) =>
        {
            await released.WaitAsync(cancellationToken);
            return true;
        });
        Task<BoxStream> connecting = ConnectAsync();
        byte[] server = MemoryOf(StateOf(accepting)), client = MemoryOf(StateOf(connecting));
        Assert.True(server.AsSpan().IndexOf(KeyTests.SecretOf(Server)) >= 0);
        Assert.True(client.AsSpan().IndexOf(KeyTests.SecretOf(Client)) >= 0);

        released.Release();
        await using BoxStream one = await accepting.Guarded(), other = await connecting.Guarded();
        Assert.All(server, b => Assert.Equal(0, b));
        Assert.All(client, b => Assert.Equal(0, b));
        await AssertTalkAsync(one, other); // whose keys are their own
    }

    [Fact]
    public async Task Failure_WipesTheState()
    {
        Task<BoxStream> connecting = ConnectAsync(network: NetworkKey.Generate());
        byte[] client = MemoryOf(StateOf(connecting)); // while it waits for a server
        Task<BoxStream> accepting = AcceptAsync();
        await AssertFailsAsync(accepting, HandshakeFailure.WrongNetwork, ServerEnd);
        await AssertFailsAsync(connecting, HandshakeFailure.Closed, ClientEnd);
        Assert.All(client, b => Assert.Equal(0, b));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task TimeOutOrCancellation_WipesTheState(bool timeOut)
    {
        using var cancellation = new CancellationTokenSource();
        Task<BoxStream> connecting = ConnectAsync(cancellationToken: cancellation.Token);
        byte[] client = MemoryOf(StateOf(connecting));
        Assert.Contains(client, b => b != 0);
        if (timeOut)
            Time.Advance(TimeSpan.FromSeconds(5));
        else
            await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => connecting.Guarded());
        Assert.All(client, b => Assert.Equal(0, b));
    }

    private static byte[] MemoryOf(HandshakeState state) =>
        (byte[])typeof(HandshakeState).GetField("_memory", BindingFlags.NonPublic | BindingFlags.Instance)!.GetValue(state)!; // it has that field

    // A handshake keeps its state to itself; while it waits, it lies among the locals of its async method.
    private static HandshakeState StateOf(Task<BoxStream> handshake)
    {
        object machine = handshake.GetType().GetField("StateMachine")!.GetValue(handshake)!; // what the runtime calls it
        return machine.GetType().GetFields(BindingFlags.NonPublic | BindingFlags.Public | BindingFlags.Instance)
            .Where(field => field.FieldType == typeof(HandshakeState))
            .Select(field => (HandshakeState)field.GetValue(machine)!) // set before the first wait
            .First();
    }
}
