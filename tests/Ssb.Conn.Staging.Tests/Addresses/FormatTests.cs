using CsCheck;

namespace Ssb.Conn.Staging.Tests.Addresses;

/// <summary>Reading and writing an address are each other's inverse, escapes included.</summary>
public class FormatTests
{
    private static Gen<MultiserverProtocol> Protocols { get; } = Gen.Select(
        Gen.Char['a', 'z'],
        Gen.String[Gen.Char["abz09-"], 1, 6],
        Gen.String[Gen.Char["a!:;~\"}9@=.+/<{|"], 0, 6].List[0, 4],
        (first, rest, data) => new MultiserverProtocol(first + rest, data));

    private static Gen<MultiserverRoute[]> Routes { get; } = Protocols.Array[1, 4].Select(p => new MultiserverRoute(p)).Array[1, 4];

    [Fact]
    public void Format_GeneratedRoutes_AreReadBack() =>
        Routes.Sample(
            routes =>
            {
                MultiserverAddress address = MultiserverAddress.Format(routes);
                Assert.Equal(routes.Select(r => r.Protocols), address.Routes.Select(r => r.Protocols));
                Assert.Equal(address, MultiserverAddress.Format(address.Routes));
            },
            iter: Rounds.Of(3_000));

    [Fact]
    public void Format_RoutesOfValidText_GivesTheSameText() =>
        Gen.String[Gen.Char["aabb:!~;"], 0, 12].Select(t => "ab" + t).Where(t => MultiserverAddress.IsValid(t)).Sample(
            text => MultiserverAddress.Format(MultiserverAddress.Parse(text).Routes).Text == text,
            iter: Rounds.Of(3_000));

    [Theory]
    [InlineData("net:a!:b!;c!~d!!e:8008")]
    [InlineData("net:fe80::1:8008~shs:abc")]
    [InlineData("net:::")]
    [InlineData("shs:::;ab~cd:!!:")]
    [InlineData("ab")]
    public void Format_RoutesOfText_GivesTheSameText(string text) =>
        Assert.Equal(text, MultiserverAddress.Format(MultiserverAddress.Parse(text).Routes).Text);

    [Fact]
    public void Protocols_EscapedText_AreUnescaped()
    {
        MultiserverProtocol protocol = MultiserverAddress.Parse("net:a!:b:!!:!~!;:").Routes.Single().Protocols.Single();
        Assert.Equal("net", protocol.Name);
        Assert.Equal(["a:b", "!", "~;", ""], protocol.Data);
    }

    [Fact]
    public void Format_NoRoute_Throws() => Assert.Throws<ArgumentException>(() => MultiserverAddress.Format());

    [Fact]
    public void Format_NoProtocol_Throws() => Assert.Throws<ArgumentException>(() => new MultiserverRoute([]));

    [Theory]
    [InlineData("NET", "host")]
    [InlineData("n", "host")]
    [InlineData("net", "a b")]
    [InlineData("net", "é")]
    [InlineData("net:host", "8008")] // else it would be read back as another route
    [InlineData("net~shs", "abc")]
    [InlineData("net;net", "abc")]
    public void Format_PartThatCannotBeWritten_Throws(string name, string data) =>
        Assert.Throws<ArgumentException>(() => MultiserverAddress.Format(new MultiserverRoute(new MultiserverProtocol(name, [data]))));

    [Fact]
    public void Format_TooLong_Throws() =>
        Assert.Throws<ArgumentException>(() => MultiserverAddress.Format(new MultiserverRoute(new MultiserverProtocol("net", [new string('a', 4_096)]))));
}
